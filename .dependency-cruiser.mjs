/** The arrows of docs/decisions/layers.md, as errors. */
const layer = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });
const server = '^apps/server/src';

export default {
  forbidden: [
    layer('no-circles', 'a circle has no bottom to start reading at', {}, { circular: true }),
    layer('packages-do-not-know-apps', 'packages serve any app', { path: '^packages/' }, { path: '^apps/' }),
    layer(
      'native-code-in-one-package',
      'a failed assertion there ends the process',
      { pathNot: '^packages/llama/' },
      { path: 'node_modules/(koffi|node-llama-cpp)/' },
    ),
    layer(
      'server-loads-no-native-code',
      'the server must outlive a crash',
      { path: '^apps/' },
      { path: '^packages/llama/src/(?!gguf/)' },
    ),
    layer(
      'data-stands-alone',
      'formats need no engine',
      { path: '^packages/data/src' },
      { path: '^packages/(llama|tuner|engine|starter)/' },
    ),
    layer(
      'memory-knows-no-engine',
      'documents are read the same whoever answers questions about them',
      { path: '^packages/memory/src' },
      { path: '^packages/(?!memory|errors)' },
    ),
    layer(
      'agents-know-no-engine',
      'a turn is the same whoever generates its texts',
      { path: '^packages/agents/src' },
      { path: '^packages/(?!agents|data|errors)' },
    ),
    layer(
      'errors-stand-alone',
      'everything depends on them',
      { path: '^packages/errors/src' },
      { path: '^packages/(?!errors)' },
    ),
    layer(
      'llama-is-the-bottom',
      'bindings know nothing of what they serve',
      { path: '^packages/llama/src' },
      { path: '^packages/(?!llama|errors)' },
    ),
    layer(
      'engine-and-tuner-are-apart',
      'serving and training meet in the server',
      { path: '^packages/engine/src' },
      { path: '^packages/(tuner|starter)/' },
    ),
    layer(
      'tuner-and-engine-are-apart',
      'serving and training meet in the server',
      { path: '^packages/tuner/src' },
      { path: '^packages/(engine|starter)/' },
    ),
    layer(
      'convert-stands-on-formats',
      'files in, files out: nothing of training or serving',
      { path: '^packages/convert/src' },
      { path: '^packages/(?!convert|llama|errors)' },
    ),
    layer(
      'hub-stands-on-convert',
      'models come in as files',
      { path: '^packages/hub/src' },
      { path: '^packages/(?!hub|convert|errors)' },
    ),
    layer(
      'nobody-below-knows-convert',
      'apps start it as a process',
      { path: '^packages/(?!convert|hub)' },
      { path: '^packages/convert/' },
    ),
    layer(
      'core-knows-no-wire-shapes',
      'the platform speaks its own words',
      { path: `${server}/core` },
      { path: `${server}/(apis|http)` },
    ),
    layer(
      'below-core',
      'storage, jobs and compute serve the core',
      { path: `${server}/(storage|jobs|compute|outbound)` },
      { path: `${server}/(core|apis|http)` },
    ),
    layer(
      'apis-do-not-know-each-other',
      'each is a translation of its own',
      { path: `${server}/apis/([^/]+)/` },
      { path: `${server}/apis/(?!$1/)` },
    ),
    layer(
      'one-door-into-a-package',
      'other files of a package are its own business',
      { path: '^apps/([^/]+)/' },
      { path: '^apps/(?!$1)[^/]+/src/(?!index)' },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
    exclude: { path: '(/test/|\\.test\\.ts$)' },
  },
};
