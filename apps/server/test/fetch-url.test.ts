import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFetchUrl } from '../src/outbound/fetch-url.ts';
import { isPublicAddress } from '../src/outbound/public-address.ts';

let canary: Server;
let hits = 0;
let port: number;
beforeAll(async () => {
  canary = createServer((request, response) => {
    hits++;
    const { pathname, searchParams } = new URL(request.url!, 'http://x');
    if (pathname === '/to') response.writeHead(302, { location: searchParams.get('url')! }).end();
    else if (pathname === '/loop') response.writeHead(302, { location: '/loop' }).end();
    else if (pathname === '/endless') {
      const write = () => void (response.destroyed || response.write(Buffer.alloc(65_536), () => setImmediate(write)));
      write();
    } else response.writeHead(200, { 'content-type': 'text/plain' }).end('canary');
  });
  await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve));
  ({ port } = canary.address() as AddressInfo);
});
afterAll(() => {
  canary.closeAllConnections();
  canary.close();
});

const never = new AbortController().signal;
const LIMIT = 1 << 20;

/** Hosts that mean this machine, its network or a cloud's metadata, in many spellings. */
const inward = [
  '127.0.0.1',
  '127.1',
  '127.0.1',
  '0x7f.1',
  '0x7f000001',
  '2130706433',
  '0177.0.0.1',
  '017700000001',
  '127.255.255.254',
  '0.0.0.0',
  '0',
  'localhost',
  'LOCALHOST',
  'localhost.',
  '10.0.0.1',
  '10.255.255.255',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.0.1',
  '192.168.255.255',
  '169.254.169.254',
  '0xa9fea9fe',
  '2852039166',
  '0251.0376.0251.0376',
  '100.64.0.1',
  '100.100.100.200',
  '192.0.0.1',
  '192.0.2.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '239.255.255.250',
  '240.0.0.1',
  '255.255.255.255',
  '①②⑦.⓪.⓪.①',
  '127。0。0。1',
  '１２７.0.0.1',
  '[::1]',
  '[::]',
  '[0:0:0:0:0:0:0:1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::ffff:10.0.0.1]',
  '[::127.0.0.1]',
  '[::7f00:1]',
  '[64:ff9b::127.0.0.1]',
  '[64:ff9b::7f00:1]',
  '[64:ff9b::a9fe:a9fe]',
  '[2002:7f00:1::]',
  '[2002:a00:1::]',
  '[2002:a9fe:a9fe::]',
  '[fe80::1]',
  '[fc00::1]',
  '[fd00:ec2::254]',
  '[fd12:3456:789a::1]',
  '[ff02::1]',
  '[2001:db8::1]',
  '[2001::1]',
  '[100::1]',
  '[::ffff:169.254.169.254]',
];

describe('a URL that a user names', () => {
  it.each(inward)('does not reach http://%s', async (host) => {
    const before = hits;
    await using fetchUrl = createFetchUrl([]);
    await expect(fetchUrl(`http://${host}:${port}/`, LIMIT, never)).rejects.toMatchObject({ code: 'url_refused' });
    expect(hits).toBe(before);
  });

  it.each([
    'file:///etc/passwd',
    'gopher://127.0.0.1/',
    'ftp://example.com/',
    'http://user:pw@example.com/',
    'http://',
    'no url',
    `http://${'a'.repeat(9000)}/`,
    'data:nothing',
    'data:text/plain;base64',
  ])('is refused when it is %s', async (url) => {
    await using fetchUrl = createFetchUrl([]);
    await expect(fetchUrl(url, LIMIT, never)).rejects.toMatchObject({ code: 'url_refused' });
  });

  it('is followed only to where it may go, however it gets there', async () => {
    await using fetchUrl = createFetchUrl([`127.0.0.1:${port}`]);
    const at = `http://127.0.0.1:${port}`;
    expect((await fetchUrl(`${at}/`, LIMIT, never)).content.toString()).toBe('canary');
    expect((await fetchUrl(`${at}/to?url=/`, LIMIT, never)).content.toString()).toBe('canary');
    for (const target of [`http://localhost:${port}/`, 'file:///etc/passwd', 'http://169.254.169.254/'])
      await expect(fetchUrl(`${at}/to?url=${encodeURIComponent(target)}`, LIMIT, never)).rejects.toMatchObject({
        code: 'url_refused',
      });
    await expect(fetchUrl(`${at}/loop`, LIMIT, never)).rejects.toThrow('redirects more than 5 times');
    await expect(fetchUrl(`${at}/endless`, LIMIT, never)).rejects.toThrow(`it has more than ${LIMIT} bytes`);
  });

  it('may carry its data in itself', async () => {
    await using fetchUrl = createFetchUrl([]);
    expect(await fetchUrl('data:text/plain;charset=utf-8;base64,aGk=', LIMIT, never)).toMatchObject({
      content: Buffer.from('hi'),
      contentType: 'text/plain',
    });
    expect((await fetchUrl('data:,a%20b', LIMIT, never)).content.toString()).toBe('a b');
    await expect(fetchUrl(`data:,${'a'.repeat(100)}`, 10, never)).rejects.toThrow('more than 10 bytes');
  });
});

it('public addresses are told from others', () => {
  for (const address of ['8.8.8.8', '1.1.1.1', '2606:4700::1111', '64:ff9b::808:808', '::ffff:8.8.8.8'])
    expect([address, isPublicAddress(address)]).toEqual([address, true]);
  for (const address of ['', 'example.com', '8.8.8', '::1', 'fe80::1%eth0'])
    expect([address, isPublicAddress(address)]).toEqual([address, false]);
});
