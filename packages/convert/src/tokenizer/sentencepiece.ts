/**
 * Reads a SentencePiece model, a Protocol Buffers message (fields as in google/sentencepiece's
 * sentencepiece_model.proto). Only what a GGUF file keeps is taken.
 */
import { isUtf8 } from 'node:buffer';
import { invalidFile } from '../invalid-file.ts';

export interface Piece {
  text: string;
  score: number;
  /** By `tokenTypes`. */
  type: number;
}

export interface SentencePieceModel {
  pieces: Piece[];
  /** 1 unigram, 2 BPE. */
  kind: number;
  /** A space is put before the text. */
  addsPrefix: boolean;
}

const maxPieces = 2 ** 22;

/** `file` is for errors; whatever the bytes are, the result is a model or `invalid_model_file`. */
export function parseSentencePiece(bytes: Uint8Array, file: string): SentencePieceModel {
  const model: SentencePieceModel = { pieces: [], kind: 1, addsPrefix: true };
  const fail = (): never => {
    throw invalidFile(file, 'it is not a SentencePiece model');
  };
  for (const field of fields(bytes, fail)) {
    if (field.id === 1) model.pieces.push(parsePiece(field.bytes ?? fail(), fail));
    else if (field.id === 2)
      for (const part of fields(field.bytes ?? fail(), fail)) {
        if (part.id === 3) model.kind = part.number ?? fail();
      }
    else if (field.id === 3)
      for (const part of fields(field.bytes ?? fail(), fail)) {
        if (part.id === 3) model.addsPrefix = (part.number ?? fail()) !== 0;
      }
    if (model.pieces.length > maxPieces) fail();
  }
  if (model.pieces.length === 0) fail();
  return model;
}

function parsePiece(bytes: Uint8Array, fail: () => never): Piece {
  const piece: Piece = { text: '', score: 0, type: 1 };
  for (const field of fields(bytes, fail)) {
    if (field.id === 1) {
      const text = field.bytes ?? fail();
      if (!isUtf8(text)) fail();
      piece.text = Buffer.from(text).toString('utf8');
    } else if (field.id === 2) piece.score = field.float ?? fail();
    else if (field.id === 3) piece.type = field.number ?? fail();
  }
  if (piece.type < 1 || piece.type > 6 || !Number.isFinite(piece.score)) fail();
  return piece;
}

/** A field by its number, with its value as what its wire type says it is. */
interface Field {
  id: number;
  number?: number;
  float?: number;
  bytes?: Uint8Array;
}

function* fields(bytes: Uint8Array, fail: () => never): Generator<Field> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let position = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (position >= bytes.length) fail();
      const byte = bytes[position++] ?? 0;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    return fail();
  };
  const skip = (count: number): number => {
    if (count > bytes.length - position) fail();
    position += count;
    return position - count;
  };
  while (position < bytes.length) {
    const tag = varint();
    const id = Math.floor(tag / 8);
    if (tag % 8 === 0) yield { id, number: varint() };
    else if (tag % 8 === 1) skip(8);
    else if (tag % 8 === 5) yield { id, float: view.getFloat32(skip(4), true) };
    else if (tag % 8 === 2) {
      const length = varint();
      const start = skip(length);
      yield { id, bytes: bytes.subarray(start, start + length) };
    } else fail();
  }
}
