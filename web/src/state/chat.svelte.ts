/** The conversation on show: its messages, what is being answered, at which revisions, in one pane or two. */

import type { Api } from "../api/client";
import type { Conversation, Message, RevisionName, Settings } from "../api/types";
import { advance } from "./streaming";
import { type Choices, isRunning, walk, withMessage } from "./thread";

const PANES = "emendo.panes";

export class Chat {
  conversation = $state.raw<Conversation | null>(null);
  messages = $state.raw<Message[]>([]);
  choices = $state.raw<Choices>({});
  isLoading = $state(false);
  panes = $state<1 | 2>(localStorage.getItem(PANES) === "1" ? 1 : 2);
  revision = $state<RevisionName>("current");
  /** System prompt and settings of a conversation that does not exist yet. */
  draft = $state.raw<{ system: string | null; settings: Settings }>({ system: null, settings: {} });
  /** What a screen reader is told once an answer is there. */
  announcement = $state("");

  steps = $derived(walk(this.messages, this.choices));
  running = $derived(this.steps.findLast((step) => isRunning(step.message))?.message ?? null);
  revisions = $derived<RevisionName[]>(
    this.panes === 2 ? ["original", this.revision === "original" ? "current" : this.revision] : [this.revision],
  );
  settings = $derived(this.conversation?.settings ?? this.draft.settings);
  system = $derived(this.conversation ? this.conversation.system : this.draft.system);

  /** Called with every message whose answers have come to their end. */
  onanswered: (message: Message) => void = () => undefined;

  #followed = new Map<string, AbortController>();
  /** The conversation that was asked for last: what comes late of another is not shown. */
  #wanted: string | null = null;

  constructor(
    private readonly api: Api,
    private readonly tell: (error: unknown) => void,
  ) {}

  setPanes(panes: 1 | 2): void {
    this.panes = panes;
    localStorage.setItem(PANES, String(panes));
  }

  /** Leaves the conversation for an empty one. */
  clear(): void {
    this.#unfollow();
    this.#wanted = null;
    this.conversation = null;
    this.messages = [];
    this.choices = {};
    this.isLoading = false;
  }

  async open(id: string): Promise<void> {
    this.clear();
    this.#wanted = id;
    this.isLoading = true;
    try {
      await this.#fetch(id);
    } catch (error) {
      if (this.#wanted === id) throw error;
    } finally {
      if (this.#wanted === id) this.isLoading = false;
    }
  }

  /** Reads the conversation anew, as another tab may have changed it. */
  async refresh(): Promise<void> {
    if (this.conversation) await this.#fetch(this.conversation.id);
  }

  /** Sends words under a message; under the same parent as an earlier one they are its new version. */
  async send(content: string, model: string, parent?: string | null): Promise<void> {
    if (!this.conversation) {
      const { system, settings } = this.draft;
      this.conversation = { ...(await this.api.post<Conversation>("/api/conversations", { model, system, settings })), messages: [] };
      this.#wanted = this.conversation.id;
    }
    const id = this.conversation.id;
    const under = parent === undefined ? (this.steps.at(-1)?.message.id ?? null) : parent;
    const body = { parent: under, content, revisions: this.revisions };
    const sent = await this.api.post<{ user: Message; assistant: Message }>(`/api/conversations/${id}/messages`, body);
    if (this.conversation?.id !== id) return;
    this.messages = withMessage(withMessage(this.messages, sent.user), sent.assistant);
    this.choose(sent.user);
    void this.#follow(sent.assistant);
  }

  /** Answers a message once more, at the revisions on show or at others. */
  async regenerate(user: string, revisions: RevisionName[] = this.revisions): Promise<void> {
    const { assistant } = await this.api.post<{ assistant: Message }>(`/api/messages/${user}/answers`, { revisions });
    this.messages = withMessage(this.messages, assistant);
    this.choose(assistant);
    void this.#follow(assistant);
  }

  async stop(): Promise<void> {
    if (this.running) await this.api.post(`/api/messages/${this.running.id}/stop`);
  }

  choose(message: Pick<Message, "id" | "parent">): void {
    this.choices = { ...this.choices, [message.parent ?? ""]: message.id };
  }

  /** Shows another version of a step. */
  turn(step: { message: Message; versions: string[]; index: number }, by: number): void {
    const id = step.versions[step.index + by];
    if (id !== undefined) this.choose({ id, parent: step.message.parent });
  }

  async configure(system: string | null, settings: Settings): Promise<void> {
    this.draft = { system, settings };
    if (!this.conversation) return;
    const changed = await this.api.patch<Conversation>(`/api/conversations/${this.conversation.id}`, { system, settings });
    this.conversation = { ...this.conversation, ...changed };
  }

  async #fetch(id: string): Promise<void> {
    const conversation = await this.api.get<Conversation>(`/api/conversations/${id}`);
    if (this.#wanted !== id) return;
    this.conversation = conversation;
    const kept = this.messages.filter((message) => this.#followed.has(message.id));
    this.messages = kept.reduce(withMessage, conversation.messages);
    for (const message of this.messages) if (isRunning(message)) void this.#follow(message);
  }

  async #follow(message: Message): Promise<void> {
    if (this.#followed.has(message.id)) return;
    const abort = new AbortController();
    this.#followed.set(message.id, abort);
    let now = message;
    let isDrawn = true;
    const draw = () => {
      isDrawn = true;
      if (!abort.signal.aborted) this.messages = withMessage(this.messages, now);
    };
    try {
      for await (const event of this.api.events(`/api/messages/${message.id}/events`, abort.signal)) {
        if (event.name === "done") break;
        now = advance(now, event);
        if (isDrawn) {
          isDrawn = false;
          requestAnimationFrame(draw);
        }
      }
      if (abort.signal.aborted) return;
      draw();
      this.announcement = `Answered: ${now.answers?.map((answer) => answer.content).join(" — ") ?? ""}`;
      this.onanswered(now);
    } catch (error) {
      this.tell(error);
    } finally {
      this.#followed.delete(message.id);
    }
  }

  #unfollow(): void {
    for (const abort of this.#followed.values()) abort.abort();
    this.#followed.clear();
  }
}
