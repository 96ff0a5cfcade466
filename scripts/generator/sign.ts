import { dlopen, FFIType } from "bun:ffi";
import { signSchnorr, xOnlyPointFromScalar } from "tiny-secp256k1";
import { LIBSECP256K1_NAMES } from "../../cli/event/signature/native.ts";

/** A key that signs; the signature depends on the message, the key and `auxiliary` only (BIP-340). */
export interface Author {
  pubkey: string;
  sign(id: string, auxiliary: Uint8Array): string;
}

const SYMBOLS = {
  secp256k1_context_create: { args: [FFIType.u32], returns: FFIType.ptr },
  secp256k1_keypair_create: { args: [FFIType.ptr, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
  secp256k1_schnorrsig_sign32: {
    args: [FFIType.ptr, FFIType.ptr, FFIType.ptr, FFIType.ptr, FFIType.ptr],
    returns: FFIType.i32,
  },
} as const;

const KEYPAIR_BYTES = 96;

type MakeSigner = (secret: Uint8Array) => (message: Uint8Array, auxiliary: Uint8Array) => Uint8Array;

/** Makes authors from secret keys: with the host's libsecp256k1 when it is there, else with WebAssembly. Same signatures. */
export function createAuthorFactory(): (secret: Uint8Array) => Author {
  const makeSigner = nativeSigner() ?? wasmSigner;
  return (secret) => {
    const sign = makeSigner(secret);
    return {
      pubkey: Buffer.from(xOnlyPointFromScalar(secret)).toString("hex"),
      sign: (id, auxiliary) => Buffer.from(sign(Buffer.from(id, "hex"), auxiliary)).toString("hex"),
    };
  };
}

const wasmSigner: MakeSigner = (secret) => (message, auxiliary) => signSchnorr(message, secret, auxiliary);

function nativeSigner(): MakeSigner | null {
  for (const name of LIBSECP256K1_NAMES) {
    try {
      const { symbols } = dlopen(name, SYMBOLS);
      const context = symbols.secp256k1_context_create(1);
      return (secret) => {
        const keypair = new Uint8Array(KEYPAIR_BYTES);
        if (symbols.secp256k1_keypair_create(context, keypair, secret) !== 1) throw new Error("not a secret key");
        return (message, auxiliary) => {
          const signature = new Uint8Array(64);
          symbols.secp256k1_schnorrsig_sign32(context, signature, message, keypair, auxiliary);
          return signature;
        };
      };
    } catch {
      // Not on this host: the next name may be.
    }
  }
  return null;
}
