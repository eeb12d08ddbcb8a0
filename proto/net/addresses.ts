import { createSocket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { isIpv6 } from './cidr.ts';

/** The address that this board has towards `host`: what the kernel would send from. Nothing is sent. */
export function addressTowards(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isIpv6(host) ? 'udp6' : 'udp4');
    const done = (address: string | undefined): void => {
      socket.close();
      resolve(address);
    };
    socket.once('error', () => done(undefined));
    // Where there is no way to it, this is told here, and the socket's address is that of none.
    socket.connect(port, host, (err?: Error) => done(err ? undefined : socket.address().address));
  });
}

/** The first address of a network interface that is not loopback. */
export function firstAddress(): string | undefined {
  return Object.values(networkInterfaces())
    .flat()
    .find((address) => address && !address.internal && address.family === 'IPv4')?.address;
}
