import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** IPv6 forms that carry an IPv4 address in their last 32 bits: NAT64, and IPv4-compatible. */
const carriers = [ipaddr.IPv6.parseCIDR('64:ff9b::/96'), ipaddr.IPv6.parseCIDR('::/96')];
/** 6to4 carries one in bits 16 to 48. */
const sixToFour = ipaddr.IPv6.parseCIDR('2002::/16');

/** Whether an IP address is one of the public internet, in whatever form it is written; anything else is not. */
export function isPublicAddress(text: string): boolean {
  if (isIP(text) === 0 || text.includes('%')) return false;
  const address = ipaddr.process(text);
  if (address.kind() === 'ipv4') return address.range() === 'unicast';
  const six = address as ipaddr.IPv6;
  const bytes = six.toByteArray();
  const carried = carriers.some((range) => six.match(range))
    ? bytes.slice(12)
    : six.match(sixToFour)
      ? bytes.slice(2, 6)
      : null;
  if (carried) return isPublicAddress(carried.join('.'));
  return six.range() === 'unicast';
}
