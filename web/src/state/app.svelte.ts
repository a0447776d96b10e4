/** Everything that the page knows, and what happens between its parts. */

import { getContext, setContext } from "svelte";
import { Api, ApiError } from "../api/client";
import type { Answer, Blame, ConversationSummary, Job, Message, Model, ServerState, Trace } from "../api/types";
import { WIDE } from "../shell/widths";
import { Chat } from "./chat.svelte";
import { Facts } from "./facts.svelte";
import { Inspector } from "./inspector.svelte";
import { Run } from "./run.svelte";
import { Verdicts } from "./verdicts.svelte";

const MODEL = "emendo.model";
const KEY = Symbol("app");

export interface Toast {
  id: number;
  text: string;
  isError: boolean;
}

export class App {
  server = $state.raw<ServerState | null>(null);
  failure = $state<string | null>(null);
  isRefused = $state(false);
  conversations = $state.raw<ConversationSummary[]>([]);
  hasMore = $state(false);
  modelId = $state(localStorage.getItem(MODEL) ?? "");
  toasts = $state<Toast[]>([]);
  isListOpen = $state(false);
  overlay = $state<"search" | "settings" | null>(null);

  model = $derived<Model | null>(this.server?.models.find((model) => model.id === this.modelId) ?? this.server?.models[0] ?? null);

  readonly chat: Chat;
  readonly facts: Facts;
  readonly inspector = new Inspector();
  readonly trace: Run<Trace>;
  readonly blame: Run<Blame>;
  readonly verdicts: Verdicts;

  /** What a message waits for: that models and conversation are read, and that the conversation's model is the one that was chosen. */
  ready: Promise<unknown> = Promise.resolve();

  #toast = 0;

  constructor(readonly api: Api) {
    this.chat = new Chat(api, (error) => this.tell(error));
    this.facts = new Facts(api);
    this.trace = new Run(api, "trace");
    this.blame = new Run(api, "blame");
    this.verdicts = new Verdicts(api);
    this.chat.onanswered = (message) => this.#answered(message);
    api.onRefused = () => (this.isRefused = true);
  }

  async start(): Promise<void> {
    const known = this.#readModels();
    const id = /^#\/c\/(.+)$/.exec(location.hash)?.[1];
    this.ready = known.then((isKnown) => (isKnown && id ? this.#open(decodeURIComponent(id)) : undefined));
    if (!(await known)) return;
    void this.#listen();
    void this.attempt(() => this.loadConversations());
    await this.attempt(async () => {
      await this.#loadLedger();
      const { jobs } = await this.api.get<{ jobs: Job[] }>("/api/jobs?limit=20");
      const own = jobs.filter((job) => job.model === this.model?.id);
      if (this.model) this.facts.resume(this.model.id, own);
      const trace = own.find((job) => job.kind === "trace");
      if (trace) void this.trace.resume(trace as Job<Trace>);
      // Where the column would cover the chat, it waits to be opened.
      const isBusy = this.facts.draft !== null || trace?.state === "running";
      if (isBusy && matchMedia(WIDE).matches) this.inspector.show(this.facts.draft ? "facts" : "trace");
    });
  }

  /** Does something and tells what went wrong; whether it went well. */
  async attempt(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.tell(error);
      return false;
    }
  }

  tell(error: unknown): void {
    if (error instanceof ApiError && error.status === 401) return;
    this.say(error instanceof Error ? error.message : String(error), true);
  }

  /** Says a sentence; one that stands there already is said anew, not twice. */
  say(text: string, isError = false): void {
    const id = ++this.#toast;
    this.toasts = [...this.toasts.filter((toast) => toast.text !== text), { id, text, isError }];
    setTimeout(() => this.dismiss(id), isError ? 10_000 : 4000);
  }

  dismiss(id: number): void {
    this.toasts = this.toasts.filter((toast) => toast.id !== id);
  }

  async loadConversations(): Promise<void> {
    const limit = Math.max(50, this.conversations.length);
    const { conversations } = await this.api.get<{ conversations: ConversationSummary[] }>(`/api/conversations?limit=${limit}`);
    this.conversations = conversations;
    this.hasMore = conversations.length === limit;
  }

  async loadOlder(): Promise<void> {
    const before = encodeURIComponent(this.conversations.at(-1)?.updated ?? "");
    const { conversations } = await this.api.get<{ conversations: ConversationSummary[] }>(`/api/conversations?limit=50&before=${before}`);
    const known = new Set(this.conversations.map((conversation) => conversation.id));
    this.conversations = [...this.conversations, ...conversations.filter((conversation) => !known.has(conversation.id))];
    this.hasMore = conversations.length === 50;
  }

  async openConversation(id: string): Promise<void> {
    this.isListOpen = false;
    this.inspector.forgetAnswer();
    address(`#/c/${encodeURIComponent(id)}`);
    this.ready = this.#open(id);
    await this.ready;
  }

  newConversation(): void {
    this.isListOpen = false;
    this.inspector.forgetAnswer();
    this.chat.clear();
    address("");
  }

  async send(content: string, parent?: string | null): Promise<boolean> {
    await this.ready;
    const { model } = this;
    if (!model) return false;
    return this.attempt(async () => {
      await this.chat.send(content, model.id, parent);
      address(`#/c/${encodeURIComponent(this.chat.conversation?.id ?? "")}`);
      await this.loadConversations();
    });
  }

  /** Answers a message once more, at the revisions on show or at others. */
  async answerAgain(user: string, revisions?: string[]): Promise<void> {
    await this.ready;
    await this.attempt(() => this.chat.regenerate(user, revisions));
  }

  async rename(id: string, title: string): Promise<void> {
    await this.attempt(async () => {
      await this.api.patch(`/api/conversations/${id}`, { title });
      await this.loadConversations();
    });
  }

  async remove(id: string): Promise<void> {
    await this.attempt(async () => {
      await this.api.delete(`/api/conversations/${id}`);
      if (this.chat.conversation?.id === id) this.newConversation();
      await this.loadConversations();
    });
  }

  async useModel(id: string): Promise<void> {
    this.ready = this.ready.then(() => this.#giveModel(id));
    await this.#showModel(id);
    await this.ready;
  }

  /** Holds an answer against the server's sources. */
  check(message: Message, answer: Answer): void {
    const question = this.chat.messages.find((other) => other.id === message.parent);
    const model = this.chat.conversation?.model;
    if (question && model) void this.attempt(() => this.verdicts.check(question, answer, model));
  }

  #answered(message: Message): void {
    if (!this.server?.has.verify) return;
    for (const answer of message.answers ?? []) if (answer.content) this.check(message, answer);
  }

  /** Reads models and ledger anew, after a change of what is in force. */
  async refreshModels(): Promise<void> {
    this.server = await this.api.get<ServerState>("/api/state");
    await this.#loadLedger();
  }

  /** Whether the server said which models there are. */
  async #readModels(): Promise<boolean> {
    this.failure = null;
    try {
      this.server = await this.api.get<ServerState>("/api/state");
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error);
    }
    return this.server !== null;
  }

  /** Shows a conversation and the model that answers it. */
  async #open(id: string): Promise<void> {
    if (!(await this.attempt(() => this.chat.open(id)))) return this.newConversation();
    const model = this.chat.conversation?.model;
    if (model && model !== this.model?.id) await this.#showModel(model);
  }

  async #showModel(id: string): Promise<void> {
    this.modelId = id;
    localStorage.setItem(MODEL, id);
    this.chat.revision = "current";
    this.facts.close();
    this.facts.canaries.forget();
    await this.attempt(() => this.#loadLedger());
  }

  /** Lets a model answer the conversation on show from here on. */
  async #giveModel(id: string): Promise<void> {
    const open = this.chat.conversation;
    if (!open || open.model === id) return;
    await this.attempt(async () => {
      await this.api.patch(`/api/conversations/${open.id}`, { model: id });
      if (this.chat.conversation?.id === open.id) this.chat.conversation = { ...this.chat.conversation, model: id };
    });
  }

  async #loadLedger(): Promise<void> {
    if (this.model) await this.facts.load(this.model.id);
  }

  /** What other tabs and the command line do shows here too. */
  async #listen(): Promise<void> {
    const forever = new AbortController();
    await this.attempt(async () => {
      for await (const event of this.api.events("/api/events", forever.signal)) {
        if (event.name === "ledger") void this.attempt(() => this.refreshModels());
        if (event.name === "conversation") void this.attempt(() => this.#conversationChanged(event.data as { id: string; deleted?: boolean }));
      }
    });
  }

  async #conversationChanged({ id, deleted }: { id: string; deleted?: boolean }): Promise<void> {
    await this.loadConversations();
    if (this.chat.conversation?.id !== id) return;
    if (deleted) this.newConversation();
    else await this.chat.refresh();
  }
}

function address(fragment: string): void {
  history.replaceState(null, "", location.pathname + location.search + fragment);
}

export function provideApp(app: App): void {
  setContext(KEY, app);
}

export function useApp(): App {
  return getContext<App>(KEY);
}
