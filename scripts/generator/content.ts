import type { NostrEvent, TagValue } from "../../cli/event/event.ts";
import type { Random } from "./random.ts";

/** What an author signs. */
export type Draft = Pick<NostrEvent, "kind" | "tags" | "content">;

const WORDS =
  "the of and to in is that for it on with as are was at by this have from or had not but what all were when we there can an your which their said if do will each about how up out them then she many some so these would other into has more her two like him see time could no make than first been its who now people my made over did down only way find use may water long little very after words called just where most know bitcoin relay nostr note zap wallet node block sats lightning keys client protocol signal freedom coffee morning gm pleb build open source code network event filter stream archive".split(
    " ",
  );
const SCRIPTS = [
  "おはようございます",
  "自由なネットワーク",
  "Привет мир",
  "свобода слова",
  "مرحبا بالعالم",
  "שלום עולם",
  "Grüße aus München",
  "¿Qué tal?",
  "नमस्ते दुनिया",
  "안녕하세요",
  "สวัสดี",
  "naïve café façade",
  "e\u0301 combining",
];
const EMOJI = ["🤙", "🚀", "💜", "⚡️", "👩‍👩‍👧‍👦", "🏴‍☠️", "🇸🇻", "😂", "🫡", "☕️"];
const RARE = [
  "\u2028",
  "\u2029",
  "\u0000",
  "\u001b[0m",
  "\u007f",
  "\ufeff",
  "\ud83d\ude00",
  "\\u0041",
  '"quoted"',
  "\t",
  "\r\n",
  "\\",
];
const RELAYS = [
  "wss://relay.example.com/",
  "wss://nos.example.net",
  "wss://relay.example.org/inbox",
  "wss://purple.example.io",
  "",
];
const RELAY_SOFTWARE = [
  "https://git.example.com/~author/relay-rs",
  "git+https://github.example.com/author/relay.git",
  "https://github.example.com/author/haven",
];

const KINDS = [
  [1, 36],
  [7, 20],
  [0, 4],
  [3, 3],
  [6, 6],
  [9735, 9],
  [30023, 4],
  [10002, 4],
  [5, 2],
  [1984, 1],
  [4, 5],
  [30166, 40],
  [20000, 1],
  [65535, 1],
] as const;

/** Accounts that many events refer to, the first ones most. */
const KNOWN_ACCOUNTS = 2000;

/** Kind, tags and content of an event, in sizes such as relays see them; they compress about as real ones do. */
export function draftEvent(random: Random): Draft {
  const kind = random.weighted(KINDS);
  if (kind === 6) return draftRepost(random);
  if (kind === 9735) return draftZapReceipt(random);
  return { kind, tags: draftTags(random, kind), content: draftContent(random, kind) };
}

/** An account that an event refers to. */
function account(random: Random): string {
  if (random.chance(0.3)) return random.hex(64);
  return Bun.SHA256.hash(`account ${Math.floor(KNOWN_ACCOUNTS * (random.int(0, 9999) / 10_000) ** 3)}`, "hex");
}

function accountTag(random: Random): TagValue[] {
  return ["p", account(random), random.pick(RELAYS)];
}

function eventTag(random: Random): TagValue[] {
  return ["e", random.hex(64), random.pick(RELAYS), random.pick(["root", "reply", "mention", ""])];
}

/** NIP-18: the note stands in the content, and the tags refer to it. */
function draftRepost(random: Random): Draft {
  const note = {
    id: random.hex(64),
    pubkey: account(random),
    created_at: random.int(1_600_000_000, 1_700_000_000),
    kind: 1,
    tags: [eventTag(random), ...draftTags(random, 5), accountTag(random)],
    content: text(random, random.int(5, 80)),
    sig: random.hex(128),
  };
  const relay = random.pick(RELAYS);
  return {
    kind: 6,
    tags: [
      ["e", note.id, relay],
      ["p", note.pubkey, relay],
      ["k", "1"],
    ],
    content: JSON.stringify(note),
  };
}

/** NIP-57: the request stands in the description, and the receipt takes its tags over. */
function draftZapReceipt(random: Random): Draft {
  const [note, recipient] = [eventTag(random), accountTag(random)];
  const relays = Array.from({ length: random.int(2, 8) }, () => random.pick(RELAYS));
  const request = {
    pubkey: account(random),
    content: words(random, 5),
    id: random.hex(64),
    sig: random.hex(128),
    kind: 9734,
    tags: [["amount", String(21 * random.int(1, 1000) * 1000)], note, recipient, ["relays", ...relays]],
  };
  return {
    kind: 9735,
    tags: [
      recipient,
      note,
      ["P", request.pubkey],
      ["bolt11", `lnbc${random.int(1, 5000)}u1p${random.hex(260)}`],
      ["preimage", random.hex(64)],
      ["description", JSON.stringify(request)],
    ],
    content: "",
  };
}

function draftContent(random: Random, kind: number): string {
  switch (kind) {
    case 0:
      return JSON.stringify({
        name: words(random, 1),
        about: words(random, random.int(5, 60)),
        picture: `https://media.example.com/${random.hex(64)}.jpg`,
        nip05: `${words(random, 1)}@example.com`,
        lud16: `${words(random, 1)}@pay.example.com`,
      });
    case 3:
    case 5:
    case 10002:
      return "";
    case 4:
      return `${Buffer.from(random.hex(random.int(4, 60) * 32), "hex").toString("base64")}?iv=${random.hex(24)}`;
    case 7:
      return random.pick(["+", "🤙", "-", "❤️", ...EMOJI, ""]);
    case 30166:
      return random.chance(0.2) ? "{}" : JSON.stringify(relayInformation(random));
    case 30023:
      return Array.from({ length: random.int(4, 30) }, () => text(random, random.int(30, 120))).join("\n\n");
    default:
      return text(
        random,
        random.weighted([
          [random.int(0, 12), 3],
          [random.int(12, 120), 5],
          [random.int(120, 500), 1],
        ]),
      );
  }
}

function draftTags(random: Random, kind: number): TagValue[][] {
  const repeat = (from: number, to: number, make: () => TagValue[]) =>
    Array.from({ length: random.int(from, to) }, make);
  const p = () => accountTag(random);
  const e = () => eventTag(random);
  switch (kind) {
    case 0:
      return random.chance(0.3) ? [["alt", "User profile"]] : [];
    case 3:
      return repeat(20, 290, () => ["p", account(random)]);
    case 5:
      return repeat(1, 5, () => ["e", random.hex(64)]);
    case 7:
      return [e(), p(), ["k", "1"]];
    case 10002:
      return repeat(2, 12, () => [
        "r",
        random.pick(RELAYS),
        ...(random.chance(0.4) ? [random.pick(["read", "write"])] : []),
      ]);
    case 30166:
      // Real events of this kind carry the proof of work as a number.
      return [
        ["d", random.pick(RELAYS)],
        ["n", "clearnet"],
        ["R", "pow", random.int(0, 30)],
        ["R", "auth", false],
        ["rtt-open", random.int(20, 900)],
        ...repeat(5, 60, () => ["N", String(random.int(1, 99)), `NIP-${random.int(1, 99)}`]),
        ["L", "dns.ipv4"],
        ...repeat(1, 4, () => ["l", Array.from({ length: 4 }, () => random.int(1, 254)).join("."), "dns.ipv4"]),
        ["L", "host.as"],
        ["l", `AS${random.int(1000, 400_000)} ${words(random, 2)}`, "host.as"],
      ];
    case 30023:
      return [
        ["d", random.hex(16)],
        ["title", text(random, 6)],
        ["published_at", String(random.int(1_600_000_000, 1_700_000_000))],
        ...repeat(0, 6, () => ["t", words(random, 1)]),
      ];
    default:
      return random.weighted([
        [[], 3],
        [[e(), p()], 4],
        [[e(), e(), p(), p()], 2],
        [[["t", words(random, 1)], [], [""], ["client", "example", ""]], 1],
        [repeat(10, 60, p), 1],
      ]);
  }
}

/** What a relay says of itself (NIP-11). */
function relayInformation(random: Random) {
  return {
    name: words(random, random.int(1, 4)),
    description: words(random, random.int(2, 30)),
    pubkey: random.hex(64),
    contact: `mailto:${words(random, 1)}@example.com`,
    supported_nips: Array.from({ length: random.int(4, 20) }, () => random.int(1, 99)),
    software: random.pick(RELAY_SOFTWARE),
    version: `${random.int(0, 2)}.${random.int(0, 20)}.${random.int(0, 20)}`,
    limitation: {
      max_message_length: random.pick([131_072, 262_140, 524_288]),
      max_subscriptions: random.pick([20, 50, 80]),
      max_limit: random.pick([500, 5000, 10_000]),
      payment_required: random.chance(0.3),
      restricted_writes: random.chance(0.5),
    },
    icon: `https://media.example.com/${random.hex(64)}.jpg`,
  };
}

function text(random: Random, length: number): string {
  const parts = [words(random, length)];
  if (random.chance(0.35)) parts.push(random.pick(EMOJI));
  if (random.chance(0.2)) parts.push(random.pick(SCRIPTS));
  if (random.chance(0.15)) parts.push(`https://media.example.com/${random.hex(64)}.png`);
  if (random.chance(0.05)) parts.push(random.pick(RARE), words(random, 2));
  return parts.join(random.chance(0.2) ? "\n" : " ");
}

function words(random: Random, count: number): string {
  return Array.from({ length: count }, () => random.pick(WORDS)).join(" ");
}
