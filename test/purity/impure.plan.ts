// Must not compile: plans have no Node types.
import { readFileSync } from 'node:fs';

export const answer = (): string => readFileSync('/etc/hostname', 'utf8');
