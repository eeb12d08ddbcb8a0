/** Says on stderr what is being measured; the result alone is on stdout. */
export type Progress = (line: string) => void;
