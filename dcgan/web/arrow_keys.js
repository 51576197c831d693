// A grid of buttons as one stop of the tab key, with the arrow keys within: the "roving tabindex" of the ARIA practices.

const STEPS = {
  ArrowLeft: () => -1,
  ArrowRight: () => 1,
  ArrowUp: (columns) => -columns,
  ArrowDown: (columns) => columns,
  Home: () => -Infinity,
  End: () => Infinity,
};

/** Return the number of columns in which buttons are shown. */
function columnsOf(buttons) {
  const top = buttons[0].offsetTop;
  const second = buttons.findIndex((button) => button.offsetTop !== top);
  return second < 0 ? buttons.length : second;
}

/**
 * Let arrow keys move the focus within a grid of buttons.
 * @param {HTMLElement[]} buttons - row by row.
 */
export function moveByArrowKeys(buttons) {
  const select = (index) => buttons.forEach((button, other) => (button.tabIndex = other === index ? 0 : -1));
  buttons.forEach((button, index) => {
    button.addEventListener("focus", () => select(index));
    button.addEventListener("keydown", (event) => {
      const step = STEPS[event.key]?.(columnsOf(buttons));
      if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      const next = Number.isFinite(step) ? index + step : step < 0 ? 0 : buttons.length - 1;
      buttons[next]?.focus();
    });
  });
  select(0);
}
