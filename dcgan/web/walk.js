// The images on the way from one seed to another.

import { show } from "./canvas.js";
import { $ } from "./dom.js";
import { mix, slerp } from "./latents.js";

/** Set up the view; `show` of what it returns shows the image at the slider. */
export function setUpWalk(selection) {
  const showWalk = () => {
    const [a, b] = [$("from"), $("to")].map((input) => selection.point(Math.max(0, Math.floor(Number(input.value)))));
    const t = Number($("position").value);
    const classInput = mix(a.classInput, b.classInput, t);
    show($("walk"), selection.model.image({ latent: slerp(a.latent, b.latent, t), classInput }));
  };
  for (const id of ["from", "to", "position"]) $(id).addEventListener("input", showWalk);
  let running = false;
  $("play").addEventListener("click", () => {
    running = !running;
    $("play").textContent = running ? "Stop" : "Play";
    const begin = performance.now() - 1000 * Math.asin(2 * Number($("position").value) - 1);
    const frame = (now) => {
      if (!running) return;
      $("position").value = (1 + Math.sin((now - begin) / 1000)) / 2;
      showWalk();
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  return { show: showWalk };
}
