/** A BIP-340 signature check bound to one implementation. */
export interface Verifier {
  /** What a person reads in the log, such as `libsecp256k1 (libsecp256k1.so.1)`. */
  name: string;
  /** Whether `sig` (64 bytes) signs `id` (32 bytes) under the x-only `pubkey` (32 bytes). */
  verify(id: Uint8Array, pubkey: Uint8Array, sig: Uint8Array): boolean;
}
