import { describe } from 'vitest';
import { brokerCase } from '../testing/broker.case.ts';
import { EmbeddedBroker } from './embedded-broker.ts';

describe('the embedded broker', () => brokerCase((options) => new EmbeddedBroker(options)));
