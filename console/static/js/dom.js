// Elements are made here and nowhere else. Text from devices and people only ever becomes a text node.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat()) {
    if (child === undefined || child === null || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

/** Return an HTML element; strings among the children become text. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Return an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

export const byId = (id) => document.getElementById(id);

/** Replace all children of a node. */
export function put(node, ...children) {
  node.replaceChildren();
  return fill(node, {}, children);
}

/** Set a node's text only where it differs, so that a screen reader is not told the same again. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Keep a list of keyed views in order: makes, updates, moves and removes as few nodes as it can. */
export class KeyedList {
  constructor(parent, make) {
    this.parent = parent;
    this.make = make;
    this.views = new Map();
  }

  /** Show `items` in order. A view has `node` and `update(item)`. */
  show(items, keyOf) {
    const keep = new Set(items.map(keyOf));
    for (const [key, view] of this.views) {
      if (keep.has(key)) continue;
      view.node.remove();
      this.views.delete(key);
    }
    let next = this.parent.firstElementChild;
    for (const item of items) {
      const key = keyOf(item);
      let view = this.views.get(key);
      if (!view) this.views.set(key, (view = this.make(item)));
      view.update(item);
      if (view.node === next) next = next.nextElementSibling;
      else this.parent.insertBefore(view.node, next);
    }
  }
}
