/* Elements of the page, made in one line each. */

export const $ = (id) => document.getElementById(id);

/** Make an element: make("li", {class: "x", onclick}, "text", child …). */
export function make(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true && !name.startsWith("aria-") ? "" : value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** Give custom properties: the page's policy forbids style attributes, not this. */
export function style(element, properties) {
  for (const [name, value] of Object.entries(properties)) element.style.setProperty(name, value);
  return element;
}
