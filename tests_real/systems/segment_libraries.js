// What a site and a server do with the libraries for the Segment HTTP API. They are as npm installs them, and given
// their documented settings only. The line to the hub is a bad one: the answer to each first try is lost, so that
// everything is sent twice.

const { readFileSync } = require('fs');
const http = require('http');
const { Analytics } = require('@segment/analytics-node');
const { JSDOM } = require('jsdom');

const { HUB, SERVER_KEY, SITE, SITE_KEY } = process.env;
const [LIBRARY, STANDALONE] = ['index', 'standalone'].map(
  (name) => readFileSync(require.resolve(`@segment/analytics-next/dist/umd/${name}.js`), 'utf8'));
const AGREED = { consent: { categoryPreferences: { analytics: true } } };

const seen = { asked: [], repeated: 0 };

const line = http.createServer((asked, answer) => {
  const { method, url, headers } = asked;
  const again = 'x-retry-count' in headers;
  if (method === 'OPTIONS') seen.asked.push(...headers['access-control-request-headers'].split(/, */));
  asked.pipe(http.request(HUB + url, { method, headers }, (told) => {
    if (method === 'POST' && !again) return told.resume().on('end', () => answer.destroy());
    answer.writeHead(told.statusCode, told.headers);
    told.pipe(answer).on('finish', () => { seen.repeated += again && told.statusCode === 200; });
  }));
});

async function repeats(number) {
  while (seen.repeated < number) await new Promise((resolve) => setTimeout(resolve, 50));
}

async function server(address) {
  const analytics = new Analytics({ writeKey: SERVER_KEY, host: address });
  analytics.on('error', (error) => { throw new Error(JSON.stringify(error)); });
  const userId = 'u1';
  analytics.alias({ userId, previousId: 'a-0' });
  analytics.identify({ userId, traits: { email: 'bram@example.nl', firstName: 'Bram' } });
  analytics.track({ userId, event: 'Order Completed', properties: { order_id: 'o1' }, messageId: 'order-o1' });
  analytics.page({ userId, name: 'Home', properties: { url: `${SITE}/` }, context: { locale: 'nl-BE' } });
  analytics.group({ userId, groupId: 'g1', traits: { name: 'Mia BV' } });
  await analytics.closeAndFlush();
}

function bundled(window, cdnURL, options) {
  window.eval(LIBRARY);
  return { analytics: window.AnalyticsNext.AnalyticsBrowser.load({ writeKey: SITE_KEY, cdnURL }, options) };
}

// A page that has the library's own file among its own, and says in the library's array where everything else is.
async function snippet(window, cdnURL, options) {
  const queue = window.eval('window.analytics = []');
  Object.assign(queue, { _writeKey: SITE_KEY, _cdn: cdnURL, _loadOptions: options });
  window.eval(STANDALONE);
  while (window.analytics === queue) await new Promise((resolve) => setTimeout(resolve, 20));
  return window;
}

// Somebody looks at a page, agrees to be recognised, and logs in. jsdom keeps to CORS, as browsers do.
async function visit(address, userId, start, settings) {
  const page = '<!doctype html><title>Katten</title>';
  const { window } = new JSDOM(page, { url: `${SITE}/katten?utm_campaign=lente`, runScripts: 'outside-only' });
  const options = { integrations: { 'Segment.io': { protocol: 'http', ...settings } } };
  const { analytics } = await start(window, address, options);
  await analytics.page('Winkel', 'Katten', {}, { messageId: `${userId}-unasked` });
  await analytics.addSourceMiddleware(({ payload, next }) => {
    Object.assign(payload.obj.context, AGREED);
    next(payload);
  });
  await analytics.page('Winkel', 'Katten', {}, { messageId: `${userId}-page` });
  await analytics.alias(userId);
  await analytics.identify(userId, { email: `${userId}@example.nl` });
  await analytics.track('Product Viewed', { product_id: 'T1' }, { messageId: `${userId}-track` });
  await analytics.group('g2', { name: `Vrienden van ${userId}` });
  return (await analytics.user()).anonymousId();
}

line.listen(0, '127.0.0.1', async () => {
  const at = `127.0.0.1:${line.address().port}`;
  const devices = {};
  if (process.argv[2] === 'server') {
    await server(`http://${at}`);
  } else {
    devices.anna = await visit(`http://${at}`, 'anna', bundled, { apiHost: `${at}/v1` });
    const batching = { strategy: 'batching', config: { size: 6, timeout: 60_000 } };
    devices.cas = await visit(`http://${at}`, 'cas', snippet, { deliveryStrategy: batching });
    await repeats(6 + 1);
  }
  console.log(JSON.stringify({ ...seen, devices }));
  process.exit(0);
});
