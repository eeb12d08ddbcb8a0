/** `fieldValidation` of a request: what to do about unknown and duplicate fields. */
export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

/** More of them help nobody, and each is text to hold. */
const MOST = 100;

/** Collects what strict decoding objects to, in the words of upstream. */
export class StrictErrors {
  readonly messages: string[] = [];

  unknown(path: string): void {
    this.add(`unknown field ${JSON.stringify(path)}`);
  }

  duplicate(path: string): void {
    this.add(`duplicate field ${JSON.stringify(path)}`);
  }

  add(message: string): void {
    if (this.messages.length < MOST && !this.messages.includes(message)) this.messages.push(message);
  }
}

/** `spec` and `containers` give `spec.containers`. */
export const joinPath = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);
