// Elements of a page.

/** Return the element of an id. */
export const $ = (id) => document.getElementById(id);

/** Make an element with properties and children; text becomes text, never markup. */
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Let a select element offer pairs of a value and a text; what was chosen stays chosen, if it is among them. */
export function setOptions(select, choices) {
  const chosen = select.value;
  select.replaceChildren(...choices.map(([value, text]) => element("option", { value, textContent: text })));
  if (choices.some(([value]) => String(value) === chosen)) select.value = chosen;
}
