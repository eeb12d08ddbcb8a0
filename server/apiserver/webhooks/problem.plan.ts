/** Why a connection came to nothing, as Go words it: people and their tools look for those words. */
export function connectionProblem(err: {
  readonly name: string;
  /** Of Node's errors; `''` for others. */
  readonly code: string;
  readonly message: string;
}): string {
  if (err.name === 'AbortError' || err.name === 'TimeoutError') return 'context deadline exceeded';
  if (err.code === 'ECONNRESET') return 'EOF';
  const reason = TLS[err.code];
  if (reason !== undefined) return `tls: failed to verify certificate: x509: ${reason}`;
  if (err.code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const [, host = '', names = ''] =
      /Host: (\S+)\. is not in the cert's altnames: (.*)$/.exec(err.message) ?? [];
    const valid = names.replace(/\b(DNS|IP Address):/g, '');
    return `tls: failed to verify certificate: x509: certificate is valid for ${valid}, not ${host}`;
  }
  if (err.code === 'ERR_SSL_WRONG_VERSION_NUMBER' || err.code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG')
    return 'http: server gave HTTP response to HTTPS client';
  return err.message;
}

const UNKNOWN_AUTHORITY = 'certificate signed by unknown authority';
const TLS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  CERT_SIGNATURE_FAILURE: UNKNOWN_AUTHORITY,
  CERT_HAS_EXPIRED: 'certificate has expired or is not yet valid',
  CERT_NOT_YET_VALID: 'certificate has expired or is not yet valid',
};

/** Rule: client-go's `maxUnstructuredResponseTextBytes`. */
const MAX_TEXT = 2048;

/** What client-go says of an answer that is neither good nor a Status. Rule: `NewGenericServerResponse` of apimachinery. */
export function responseProblem(code: number, contentType: string | undefined, text: string): string {
  const isText = !contentType || contentType.startsWith('text/');
  const said = isText ? text.slice(0, MAX_TEXT).trim() : 'unknown';
  switch (code) {
    case 403:
    case 415:
      return said;
    case 406:
      return said === '' || said === 'unknown'
        ? 'the server was unable to respond with a content type that the client supports'
        : said;
    default: {
      const known = GENERIC[code];
      if (known !== undefined) return known;
      return code >= 500
        ? `an error on the server (${JSON.stringify(said)}) has prevented the request from succeeding`
        : `the server responded with the status code ${code} but did not return more information`;
    }
  }
}

const GENERIC: Readonly<Record<number, string>> = {
  400: 'the server rejected our request for an unknown reason',
  401: 'the server has asked for the client to provide credentials',
  404: 'the server could not find the requested resource',
  405: 'the server does not allow this method on the requested resource',
  409: 'the server reported a conflict',
  422: 'the server rejected our request due to an error in our request',
  429: 'the server has received too many requests and has asked us to try again later',
  503: 'the server is currently unable to handle the request',
  504: 'the server was unable to return a response in the time allotted, but may still be processing the request',
};
