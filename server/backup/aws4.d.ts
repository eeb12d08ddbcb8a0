/** The part of aws4 that backups call; the package has no types of its own. */
declare module 'aws4' {
  export interface Signable {
    host: string;
    /** With its query. */
    path: string;
    method: string;
    service: string;
    region: string;
    headers: Record<string, string>;
  }
  /** Gives the request with the headers that sign it. */
  export function sign<T extends Signable>(
    request: T,
    credentials: { readonly accessKeyId: string; readonly secretAccessKey: string },
  ): T;
}
