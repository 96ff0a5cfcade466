import type { Database } from "bun:sqlite";

const REMEMBERED = 200_000;
/** A power of two, more than twice as many. */
const SLOTS = 2 ** 19;
const PUBKEY_BYTES = 32;

/** Gives each pubkey its row, in the order of first sight. Remembers a bounded number; the table knows all. */
export function createPubkeyInterner(db: Database): (pubkey: Uint8Array) => number {
  const insert = db.prepare<unknown, [number, Uint8Array]>("INSERT INTO pubkey VALUES (?, ?)");
  const find = db.prepare<{ id: number }, [Uint8Array]>("SELECT id FROM pubkey WHERE pubkey = ?");
  /** Of each slot the number of the key that is there, from 1; 0 for none. A key is in the first free slot from its own. */
  const slots = new Uint32Array(SLOTS);
  const keys = Buffer.allocUnsafeSlow(REMEMBERED * PUBKEY_BYTES);
  const rows = new Uint32Array(REMEMBERED);
  let remembered = 0;
  let inserted = 0;

  const isKey = (number: number, pubkey: Uint8Array) => {
    const start = (number - 1) * PUBKEY_BYTES;
    for (let i = 0; i < PUBKEY_BYTES; i++) if (keys[start + i] !== pubkey[i]) return false;
    return true;
  };
  const rowOf = (pubkey: Uint8Array) => {
    const known = inserted > remembered ? find.get(pubkey)?.id : undefined;
    if (known !== undefined) return known;
    insert.run(++inserted, pubkey);
    return inserted;
  };

  return (pubkey) => {
    if (pubkey.length !== PUBKEY_BYTES) throw new RangeError(`a pubkey has ${pubkey.length} bytes`);
    const own = ownSlot(pubkey);
    let slot = own;
    for (; slots[slot] !== 0; slot = (slot + 1) % SLOTS) if (isKey(slots[slot], pubkey)) return rows[slots[slot] - 1];
    const row = rowOf(pubkey);
    if (remembered === REMEMBERED) {
      slots.fill(0);
      remembered = 0;
      slot = own;
    }
    keys.set(pubkey, remembered * PUBKEY_BYTES);
    rows[remembered] = row;
    slots[slot] = ++remembered;
    return row;
  };
}

/** People mine keys with a beginning that they like; the end is random. */
function ownSlot(pubkey: Uint8Array): number {
  return ((pubkey[29] << 16) | (pubkey[30] << 8) | pubkey[31]) % SLOTS;
}
