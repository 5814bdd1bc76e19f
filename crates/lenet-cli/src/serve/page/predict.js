// Requests to the server: one at a time, always for what is on the pad by then.

/**
 * @typedef {{name: string, title: string, shape: number[], maps: string}} Layer
 * @typedef {{model: string, digit: number, probabilities: number[], logits: number[],
 *   seen: number[], milliseconds: number, layers?: Layer[]}} Answer
 */

/** What goes wrong, in one line for the reader; `status` is 0 where no answer came. */
export class Trouble extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

/** How long an answer may take, in milliseconds. */
const PATIENCE = 15_000;

/** When a server that was too busy is asked again, in milliseconds. */
const PAUSE = 1_000;

/** Beside this file's folder, wherever the server is mounted. */
const url = (path) => new URL(`../${path}`, import.meta.url);

/** @returns {Promise<any>} the JSON of a good answer */
async function request(path, options = {}) {
  const patience = AbortSignal.timeout(PATIENCE);
  const signal = options.signal ? AbortSignal.any([options.signal, patience]) : patience;
  let response;
  let body;
  try {
    response = await fetch(url(path), { ...options, signal });
    body = await response.json();
  } catch (cause) {
    if (options.signal?.aborted) throw cause;
    if (response && !patience.aborted) {
      throw new Trouble(`The server's answer makes no sense (status ${response.status}).`, response.status);
    }
    const why = patience.aborted ? "takes too long" : "does not answer";
    throw new Trouble(`The server ${why}. Is lenet serve still running? Draw on to ask again.`);
  }
  if (!response.ok) {
    throw new Trouble(body?.error ?? `The server refused (status ${response.status}).`, response.status);
  }
  return body;
}

/** The models that the server has. */
export const models = () => request("api/model");

export class Predictor extends EventTarget {
  /** @type {string | undefined} the server's default, unless one is chosen */
  model;
  #snapshot;
  #stale = false;
  /** Whether the last request got no answer at all. */
  #gone = false;
  /** The timer until a busy server is asked again, 0 for none. */
  #pause = 0;
  /** @type {AbortController | null} */
  #flight = null;

  /**
   * It dispatches `answer` and `trouble` with the detail, `blank` when there is nothing
   * to ask about.
   * @param {() => Promise<Blob | null>} snapshot what to ask about, or nothing
   */
  constructor(snapshot) {
    super();
    this.#snapshot = snapshot;
  }

  /** Whether a newer answer is to come. */
  get busy() {
    return this.#flight !== null;
  }

  /** What is on the pad has changed: asks as soon as the last answer is there. */
  ask() {
    this.#stale = true;
    // A server that is gone is asked once a stroke, not once a point.
    if (!this.#flight && !this.#gone && !this.#pause) this.#run();
  }

  /** A stroke has ended: asks where that was put off. */
  settle() {
    if (this.#stale && !this.#flight && !this.#pause) this.#run();
  }

  /** Asks at once: the answer on its way is about something else altogether. */
  askAnew() {
    this.#flight?.abort();
    this.#flight = null;
    this.#gone = false;
    this.#goOn();
    this.ask();
  }

  /** Ends the pause that a busy server was given. */
  #goOn() {
    clearTimeout(this.#pause);
    this.#pause = 0;
  }

  /** Asks a busy server again, whatever is on the pad by then. */
  #askLater() {
    this.#pause = setTimeout(() => {
      this.#goOn();
      this.ask();
    }, PAUSE);
  }

  async #run() {
    const flight = new AbortController();
    this.#flight = flight;
    let event;
    do {
      // What came while the last answer was on its way is asked after it.
      if (event) this.dispatchEvent(event);
      this.#stale = false;
      event = await this.#once(flight.signal);
      if (this.#flight !== flight) return;
      const { status } = event.detail ?? {};
      this.#gone = status === 0;
      if (status === 503) this.#askLater();
    } while (this.#stale && !this.#gone && !this.#pause);
    this.#flight = null;
    this.dispatchEvent(event);
  }

  /** @returns {Promise<Event>} what to tell */
  async #once(signal) {
    try {
      const picture = await this.#snapshot();
      if (!picture) return new Event("blank");
      const query = new URLSearchParams({ layers: "true" });
      if (this.model) query.set("model", this.model);
      const answer = await request(`api/predict?${query}`, {
        method: "POST",
        headers: { "content-type": picture.type },
        body: picture,
        signal,
      });
      return new CustomEvent("answer", { detail: answer });
    } catch (cause) {
      const trouble = cause instanceof Trouble ? cause : new Trouble(String(cause));
      return new CustomEvent("trouble", { detail: trouble });
    }
  }
}
