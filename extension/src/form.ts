/** An element of one of our own pages, of the kind that it is. */
export function idOf<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`The page has no '${id}'.`);
  return found;
}
