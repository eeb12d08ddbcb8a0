import { StatusError } from '#proto/meta/status-error.ts';

/** The patch is well formed and does not fit the object: 422, with the sentence that upstream answers. */
export const unprocessable = (why: string): StatusError =>
  new StatusError('Invalid', 'the server rejected our request due to an error in our request', {
    cause: new Error(why),
    details: {},
  });
