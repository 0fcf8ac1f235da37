// The phone's key: Ed25519, made by the browser, kept by it, and never to be read out.

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const USER = 20 << 3;

// Raises where the browser cannot make such a key.
export async function ownKey() {
  const kept = await inStore("readonly", (store) => store.get("key"));
  if (kept) return new Key(kept.pair, kept.id);
  const pair = await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]);
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  const id = idOf(raw);
  await inStore("readwrite", (store) => store.put({ pair, id }, "key"));
  return new Key(pair, id);
}

class Key {
  constructor(pair, id) {
    this.pair = pair;
    this.id = id;
  }

  // 64 bytes over a text or bytes.
  async sign(data) {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    return new Uint8Array(await crypto.subtle.sign({ name: "Ed25519" }, this.pair.privateKey, bytes));
  }
}

// The id of a public key, as NATS writes the key of a user.
export function idOf(raw) {
  const body = new Uint8Array([USER, ...raw]);
  const check = crc16(body);
  return base32(new Uint8Array([...body, check & 255, check >> 8]));
}

export function crc16(bytes) {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let i = 0; i < 8; i++) crc = ((crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1)) & 0xffff;
  }
  return crc;
}

function base32(bytes) {
  let bits = 0, value = 0, text = "";
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += BASE32[(value >> bits) & 31];
    }
  }
  return bits ? text + BASE32[(value << (5 - bits)) & 31] : text;
}

// URL-safe base64 without padding.
export const base64 = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

function inStore(mode, work) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("intentos", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("keys");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const turn = opening.result.transaction("keys", mode);
      const asked = work(turn.objectStore("keys"));
      turn.oncomplete = () => { opening.result.close(); resolve(asked.result); };
      turn.onerror = () => reject(turn.error);
    };
  });
}
