// Images on canvases.

/** Give a canvas a size; setting the one that it has would cost time and clear it. */
export function resize(canvas, width, height) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}

/**
 * Show an image on a canvas, one pixel for each of its pixels; the style enlarges it.
 * @param {HTMLCanvasElement} canvas
 * @param {{width: number, height: number, channels: number, data: ArrayLike<number>}} image - from 0 to 255; of four
 *   channels, premultiplied, which are shown on white.
 */
export function show(canvas, { width, height, channels, data }) {
  resize(canvas, width, height);
  const context = canvas.getContext("2d");
  const shown = context.createImageData(width, height);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      const white = channels === 4 ? 255 - data[pixel * channels + 3] : 0;
      shown.data[4 * pixel + channel] = white + data[pixel * channels + (channels >= 3 ? channel : 0)];
    }
    shown.data[4 * pixel + 3] = 255;
  }
  context.putImageData(shown, 0, 0);
}

/**
 * Return what is on a canvas, which has the aspect ratio of a model's images, at their size.
 *
 * Each pixel is the mean of the area that it covers, in every browser; `drawImage` averages in some of them only.
 * @returns {Float32Array} (height, width, channels), in [-1, 1].
 */
export function read(canvas, { width, height, channels }) {
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
  const range = (index, count, length) => [Math.floor((index * length) / count), Math.ceil(((index + 1) * length) / count)];
  const mean = (row, column, channel) => {
    const [top, bottom] = range(row, height, canvas.height);
    const [left, right] = range(column, width, canvas.width);
    let sum = 0;
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) sum += data[4 * (y * canvas.width + x) + channel];
    }
    return sum / ((bottom - top) * (right - left)) / 127.5 - 1;
  };
  return Float32Array.from({ length: width * height * channels }, (_, index) => {
    const pixel = Math.floor(index / channels);
    const [row, column] = [Math.floor(pixel / width), pixel % width];
    if (channels >= 3) return mean(row, column, index % channels);
    return 0.299 * mean(row, column, 0) + 0.587 * mean(row, column, 1) + 0.114 * mean(row, column, 2);
  });
}

/** Fill a canvas with the middle of an image file; what is transparent becomes white, as in training. */
export async function fill(canvas, file) {
  const image = await createImageBitmap(file);
  const context = canvas.getContext("2d");
  const scale = Math.max(canvas.width / image.width, canvas.height / image.height);
  const [width, height] = [image.width * scale, image.height * scale];
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = scale < 1; // the pixels of a small image stay what they are
  context.imageSmoothingQuality = "high";
  context.drawImage(image, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
}

/**
 * Let a person draw on a canvas with a mouse, a finger or a pen.
 * @param {HTMLCanvasElement} canvas
 * @param {object} pen
 * @param {string|(() => string)} pen.background - color of the empty canvas.
 * @param {() => string} pen.color
 * @param {() => number} pen.size - width of a line, in pixels of the canvas.
 * @param {() => void} [drawn] - called after each line.
 * @returns {() => void} a function that clears the canvas.
 */
export function drawable(canvas, { background, color, size }, drawn = () => {}) {
  const context = canvas.getContext("2d");
  const clear = () => {
    context.fillStyle = typeof background === "function" ? background() : background;
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
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    last = null;
    line(place(event));
  });
  canvas.addEventListener("pointermove", (event) => event.buttons && last && line(place(event)));
  const end = () => {
    if (last) drawn();
    last = null;
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  clear();
  return clear;
}
