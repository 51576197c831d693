// Images on canvases.

/**
 * Show an image on a canvas, one pixel for each of its pixels; the style enlarges it.
 * @param {HTMLCanvasElement} canvas
 * @param {{width: number, height: number, channels: number, data: ArrayLike<number>}} image - from 0 to 255.
 */
export function show(canvas, { width, height, channels, data }) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const shown = context.createImageData(width, height);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      shown.data[4 * pixel + channel] = data[pixel * channels + (channels === 3 ? channel : 0)];
    }
    shown.data[4 * pixel + 3] = 255;
  }
  context.putImageData(shown, 0, 0);
}

/** Return what is on a canvas, which has the aspect ratio of a model's images, at their size, float32 in [-1, 1]. */
export function read(canvas, { width, height, channels }) {
  const small = new OffscreenCanvas(width, height).getContext("2d");
  small.imageSmoothingQuality = "high";
  small.drawImage(canvas, 0, 0, width, height);
  const { data } = small.getImageData(0, 0, width, height);
  return Float32Array.from({ length: width * height * channels }, (_, index) => {
    const pixel = 4 * Math.floor(index / channels);
    if (channels === 3) return data[pixel + (index % 3)] / 127.5 - 1;
    return (0.299 * data[pixel] + 0.587 * data[pixel + 1] + 0.114 * data[pixel + 2]) / 127.5 - 1;
  });
}

/** Let a person draw on a canvas with a mouse, a finger or a pen. */
export function drawable(canvas, { background, color, size }) {
  const context = canvas.getContext("2d");
  const clear = () => {
    context.fillStyle = background();
    context.fillRect(0, 0, canvas.width, canvas.height);
  };
  let last = null;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) * canvas.width) / box.width,
      ((event.clientY - box.top) * canvas.height) / box.height,
    ];
  };
  const line = (to) => {
    context.strokeStyle = color();
    context.lineWidth = size();
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(...(last ?? to));
    context.lineTo(...to);
    context.stroke();
    last = to;
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = null;
    line(place(event));
  });
  canvas.addEventListener("pointermove", (event) => event.buttons && last && line(place(event)));
  canvas.addEventListener("pointerup", () => (last = null));
  clear();
  return clear;
}
