// Whether a page generates the images of the Python program.

const MAX_DIFFERENCE = 3; // in 1/255, for weights in float16

/** Compare a model's images with those of Keras, note the result at the root of the document, and describe it. */
export function describeSelfCheck(model) {
  const difference = model.selfCheck();
  const passed = difference <= MAX_DIFFERENCE;
  document.documentElement.dataset.maxDifference = difference;
  document.documentElement.dataset.selfCheck = passed ? "passed" : "failed";
  return passed
    ? `This page generates the images of the Python program: they differ by at most ${difference} of 255 gray levels.`
    : `This browser generates other images than the Python program: they differ by ${difference} of 255 gray levels.`;
}
