// Elements of a page.

/** Return the element of an id. */
export const $ = (id) => document.getElementById(id);

/** Make an element with properties and children; text becomes text, never markup. */
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}
