/** The client library, a file of its own in the build: most clusters have no broker. */
import library from 'mqtt';
import packet from 'mqtt-packet';

/** Without the packet writer's table of all two-byte numbers: 11 MB and more. */
export function openMqtt(): typeof library {
  packet.writeToStream.cacheNumbers = false;
  return library;
}
