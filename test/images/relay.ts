/** QEMU runs this for each connection of a guest to `REACHED`: carries it to a port of this host's loopback. */
import { connect } from 'node:net';

const socket = connect(Number(process.argv[2]), '127.0.0.1');
const end = (): never => process.exit();
process.stdin.on('error', end).on('close', end);
process.stdout.on('error', end);
socket.on('error', end).on('close', end);
process.stdin.pipe(socket).pipe(process.stdout);
