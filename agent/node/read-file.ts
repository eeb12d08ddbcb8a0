import { readFile } from 'node:fs/promises';

/** The text of a file of /proc or /sys; '' for what this board does not have. */
export const readIfThere = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '');
