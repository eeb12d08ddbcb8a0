/** What happened, in words; each controller keeps its own beside its logic, never inside it. Pure, so that plans may say them. */
export interface EventWords {
  readonly type: 'Normal' | 'Warning';
  /** UpperCamelCase, for machines. */
  readonly reason: string;
  readonly message: string;
}
