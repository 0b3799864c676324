// What is chosen on a page stands in its address, so that the page can be sent to a colleague.

/** Return what of the address is chosen; empty where nothing is. */
export const chosen = (name) => new URLSearchParams(location.search).get(name) ?? "";

/** Put something that was chosen into the address, or take it out where it is empty. */
export function choose(values) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(values)) value ? query.set(name, value) : query.delete(name);
  history.replaceState(null, "", query.toString() ? `?${query}` : location.pathname);
}
