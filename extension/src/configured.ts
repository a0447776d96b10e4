/** A site that a user added on the options page. */

import type { Adapter } from "./adapter";
import type { ConfiguredSite } from "./messages";

export function configured(site: ConfiguredSite): Adapter {
  return {
    name: new URL(site.origin).host,
    hosts: [],
    question: site.question,
    answer: site.answer,
    ignored: "",
    writing: site.writing,
    // Where nothing tells that an answer is being written, only a long pause does.
    settle: site.writing ? 1500 : 3000,
  };
}
