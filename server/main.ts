/** The server, put together. Read from top to bottom it is the architecture. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { formatJoinToken } from '#proto/agent/join-token.ts';
import { resources } from '#proto/api/index.ts';
import { type Clock, SystemClock, systemClock } from '#proto/meta/clock.ts';
import { createLogger, type Logger } from '#proto/meta/log.ts';
import { processFamilies } from '#proto/metrics/process.ts';
import { firstAddress } from '#proto/net/addresses.ts';
import type { SelfSubjectReview, TokenReview } from '#proto/schema/generated/authentication-v1.ts';
import type { GroupVersionKind } from '#proto/schema/schema.ts';
import { BoardTime } from '#proto/time/board-time.ts';
import { KUBERNETES_VERSION, VERSION } from '#proto/version.ts';
import { createAdmission, SERVER_USER } from './apiserver/admission/index.ts';
import { MutatingAdmissionPolicy } from './apiserver/admission/policy/mutating.ts';
import { ParamAccess } from './apiserver/admission/policy/param-access.ts';
import { ValidatingAdmissionPolicy } from './apiserver/admission/policy/validating.ts';
import { ensurePriorityClasses } from './apiserver/admission/priority.ts';
import { RoleEscalation } from './apiserver/admission/role-escalation.ts';
import { createMatchConditions } from './apiserver/admission/webhook/conditions.ts';
import { MutatingAdmissionWebhook } from './apiserver/admission/webhook/mutating.ts';
import { ValidatingAdmissionWebhook } from './apiserver/admission/webhook/validating.ts';
import { Aggregator } from './apiserver/aggregator/aggregator.ts';
import { ApiServices, remoteOf } from './apiserver/aggregator/api-services.ts';
import { RemoteDiscovery } from './apiserver/aggregator/remote-discovery.ts';
import { BootstrapTokenAuthenticator } from './apiserver/authn/bootstrap-token.ts';
import { ClientCertificateAuthenticator } from './apiserver/authn/client-certificate.ts';
import { issuerDiscoveryHandler } from './apiserver/authn/issuer-discovery.ts';
import { createStoreReader } from './apiserver/authn/object-reader.ts';
import { reviewSelf, reviewToken } from './apiserver/authn/reviews.ts';
import { ServiceAccountTokens } from './apiserver/authn/service-account-tokens.ts';
import { issueServiceAccountToken } from './apiserver/authn/token-request.ts';
import { NodeAuthorizer } from './apiserver/authz/node-authorizer.ts';
import { ensureDefaultRoles } from './apiserver/authz/policy/ensure-default-roles.ts';
import { RbacAuthorizer } from './apiserver/authz/rbac.ts';
import { accessReviews } from './apiserver/authz/reviews.ts';
import { UnionAuthorizer } from './apiserver/authz/union.ts';
import {
  ensureExtensionAuthentication,
  keepExtensionAuthentication,
} from './apiserver/bootstrap/extension-authentication.ts';
import { ensureIngressClass } from './apiserver/bootstrap/ingress-class.ts';
import { keepSystemObjects } from './apiserver/bootstrap/keep-system-objects.ts';
import { ensureDnsService, ensureSystemObjects } from './apiserver/bootstrap/system-objects.ts';
import { FlowControl } from './apiserver/flowcontrol/flow-control.ts';
import { flowFamilies } from './apiserver/flowcontrol/flow-metrics.ts';
import { keepFlowObjects } from './apiserver/flowcontrol/keep-flow-objects.ts';
import { openDescriptions } from './apiserver/openapi/descriptions.ts';
import { createOpenApi } from './apiserver/openapi/openapi.ts';
import { openApiHandler } from './apiserver/openapi/openapi-handler.ts';
import { createApiServer } from './apiserver/server.ts';
import { parseRanges } from './apiserver/services/ip-range.ts';
import { Connector } from './apiserver/streams/connector.ts';
import { WebhookClient } from './apiserver/webhooks/webhook-client.ts';
import { backupHandler } from './backup/backup-handler.ts';
import { keepBackups } from './backup/keep-backups.ts';
import { ApiEventRecorder } from './client/events.ts';
import { InformerFactory } from './client/informer-factory.ts';
import { LeaderElector } from './client/leader-elector.ts';
import { type ControllersOptions, startControllers } from './controllers/index.ts';
import { ensureLocalPathClass } from './controllers/localpath/ensure-class.ts';
import { BOARD_PORTS } from './controllers/service/loadbalancer.plan.ts';
import { buildInfo, metricsHandler } from './metrics/metrics-handler.ts';
import { metricsKinds } from './metrics/metrics-kinds.ts';
import { QueueMetrics } from './metrics/queue-metrics.ts';
import { RequestMetrics } from './metrics/request-metrics.ts';
import { stateFamilies } from './metrics/state/state-metrics.ts';
import { storeFamilies } from './metrics/store-metrics.ts';
import { UsageStore } from './metrics/usage-store.ts';
import { Boards } from './nodes/boards.ts';
import { identityTaken, nodeReference } from './nodes/identity.events.ts';
import { createInformerSource } from './nodes/informer-source.ts';
import { createBoardCertificates } from './nodes/join.ts';
import { LinkServer } from './nodes/link-server.ts';
import { createBoardStorage } from './nodes/local-volumes.ts';
import { NodeConnections } from './nodes/node-connections.ts';
import { NodeIdentities, recordIdentity } from './nodes/node-identities.ts';
import { createNodeStreams } from './nodes/node-streams.ts';
import type { ServerOptions } from './options.ts';
import { runOwnAgent } from './own-agent.ts';
import { keepCertificates } from './pki/keep-certificates.ts';
import { writeKubeconfig } from './pki/kubeconfig.ts';
import { type KeyPair, openPki, type Pki } from './pki/pki.ts';
import { strategies } from './registry/index.ts';
import { Scheduler } from './scheduler/scheduler.ts';
import { openStore } from './store/open.ts';
import { openTelemetry } from './telemetry/telemetry.ts';

/** Runs until SIGTERM or SIGINT; then ends watches and sessions, flushes the store, and stops the agent of this board. */
export async function main(options: ServerOptions): Promise<void> {
  const log = createLogger(options.logLevel);
  const clock = new SystemClock();
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort(new Error(name)));
  const { signal } = stop;

  // What the cluster is made of: its store, and its keys.
  const own = join(options.dataDir, 'server');
  const time = new BoardTime({ path: join(own, 'clock'), maySet: options.setClock === 'on', clock, log });
  await time.start();
  const storeDirectory = join(own, 'store');
  const store = await openStore({ directory: storeDirectory, clock, log });
  const pkiDirectory = join(own, 'pki');
  const [services] = parseRanges(options.serviceCidr);
  const advertiseAddress = options.advertiseAddress || firstAddress() || '127.0.0.1';
  const openKeys = (): Pki =>
    openPki(pkiDirectory, {
      clusterDomain: options.clusterDomain,
      serviceIp: services.at(1),
      advertiseAddress,
      tlsSans: options.tlsSan,
      nodeName: options.nodeName,
      now: () => clock.now(),
    });
  const pki = openKeys();
  let keys = pki;

  const backupSource = {
    store,
    pkiDirectory,
    caHash: pki.caHash,
    nodeName: options.nodeName,
    now: () => clock.now(),
  };

  // Who asks, and whether they may.
  const reader = createStoreReader(store);
  const identities = new NodeIdentities(reader);
  const connections = new NodeConnections();
  identities.onChange((node) => identities.isRevoked(node) && connections.cut(node));
  const tokens = new ServiceAccountTokens({
    key: pki.serviceAccountKey,
    issuer: `https://kubernetes.default.svc.${options.clusterDomain}`,
    reader,
    nodes: identities,
    clock,
  });
  const bootstrap = new BootstrapTokenAuthenticator(reader, clock);
  const oidc = await openLogin(options, clock, log);
  const rbac = new RbacAuthorizer(reader);
  const authorizer = new UnionAuthorizer([new NodeAuthorizer(reader), rbac]);

  // The API, with what lies behind it on the boards.
  const boards = new Boards();
  const streams = createNodeStreams(boards);
  const connector = new Connector({ reader, streams, random: Math.random });
  const webhooks = new WebhookClient(connector);
  const hooks = {
    reader,
    client: webhooks,
    newUid: randomUUID,
    matchesConditions: createMatchConditions(authorizer),
    log,
  };
  const policies = {
    reader,
    authorizer,
    params: { kinds: () => api.api.resources.all, client: () => client },
    shapeOf: (kind: GroupVersionKind) => api.api.codec.shapeOf(kind),
  };
  const apiServices = new ApiServices(reader);
  const aggregator = new Aggregator({
    services: apiServices,
    authorizer,
    connector,
    client: () => keys.frontProxy.client,
  });
  const discovery = new RemoteDiscovery(apiServices, aggregator);
  const usage = new UsageStore(clock, options.metricsResolution * 1000);
  const audit = await openAudit(options, clock, log);
  const flowControl = new FlowControl({
    reader,
    clock,
    seats: options.maxRequestsInflight + options.maxMutatingRequestsInflight,
  });
  const requests = new RequestMetrics();
  const queues = new QueueMetrics();
  const api = createApiServer({
    store,
    resources,
    strategies,
    admission: [
      ...createAdmission({
        reader,
        authorizer,
        clock,
        configured: [
          new MutatingAdmissionPolicy(policies),
          new MutatingAdmissionWebhook(hooks),
          new ValidatingAdmissionPolicy(policies),
          new ValidatingAdmissionWebhook(hooks),
        ],
      }),
      new RoleEscalation(authorizer, rbac),
      new ParamAccess(authorizer, reader, policies.params.kinds),
    ],
    authenticators: [
      connections.noting(new ClientCertificateAuthenticator(identities)),
      connections.noting(tokens),
      bootstrap,
      ...(oidc ? [oidc] : []),
    ],
    authorizer,
    reviews: {
      ...accessReviews({ authorizer, rbac }),
      selfsubjectreviews: (body, { user }) => reviewSelf(body as SelfSubjectReview, user),
      tokenreviews: (body) => reviewToken({ tokens, bootstrap, others: oidc && [oidc] }, body as TokenReview),
    },
    tokenIssuer: (request, account, validate) =>
      issueServiceAccountToken({ tokens, reader }, request, account, validate),
    streams,
    webhooks,
    aggregation: { aggregator, discovery },
    virtualKinds: metricsKinds(reader, usage),
    extras: [
      openApiHandler(
        createOpenApi({
          resources,
          published: () => api.api.custom.published(),
          version: KUBERNETES_VERSION,
          descriptions: await openDescriptions(join(import.meta.dirname, 'openapi')),
        }),
        discovery,
      ),
      issuerDiscoveryHandler({
        issuer: tokens.issuer,
        address: `https://${advertiseAddress}:${options.listen.port}`,
        keys: tokens.keySet(),
      }),
      backupHandler(backupSource),
      metricsHandler({
        '/metrics': async () => [
          buildInfo(),
          ...requests.families(),
          ...flowFamilies(flowControl),
          ...queues.families(),
          ...(await storeFamilies(store, api.api.resources.all, storeDirectory)),
          ...(await processFamilies()),
        ],
        '/metrics/state': () => stateFamilies((resource) => reader.list(resource)),
      }),
    ],
    auditor: audit?.auditor,
    flowControl,
    requests,
    healthChecks: [{ name: 'ping', live: true, check: () => {} }],
    serviceCidr: options.serviceCidr,
    serverAddress: `${advertiseAddress}:${options.listen.port}`,
    log,
    clock,
  });
  const client = api.client(SERVER_USER);
  const ingress = !options.disable.includes('ingress');
  const systemObjects = {
    serviceIp: api.serviceIp,
    serviceCidr: options.serviceCidr,
    advertiseAddress,
    port: options.listen.port,
  };
  await ensureSystemObjects(client, systemObjects);
  if (!options.disable.includes('dns'))
    await ensureDnsService(client, services.at(10)).catch((err: unknown) =>
      log.warn('no Service leads to cluster DNS, which answers all the same', { err }),
    );
  await ensureIngressClass(client, ingress);
  await ensureDefaultRoles(client);
  const trust = {
    clientCa: pki.ca.cert,
    frontProxyCa: pki.frontProxy.caCert,
    frontProxyName: pki.frontProxy.name,
  };
  await ensureExtensionAuthentication(client, trust);
  await ensurePriorityClasses(client);
  await ensureLocalPathClass(client, !options.disable.includes('local-storage'));
  await keepFlowObjects({ client, reader, clock, log });
  const port = await api.listen({ ...options.listen, ...pki.serving, clientCa: pki.ca.cert });
  log.info('the API is served', { address: `https://${advertiseAddress}:${port}` });
  const tellAdministrator = ({ ca, admin }: Pki): void =>
    writeKubeconfig(options.writeKubeconfig, {
      server: `https://127.0.0.1:${port}`,
      ca: ca.cert,
      ...admin,
    });
  tellAdministrator(pki);

  // Boards.
  const informers = new InformerFactory({ client, clock, log });
  keepSystemObjects({ client, informers, objects: systemObjects, log });
  keepExtensionAuthentication({ client, informers, trust, log });
  const telemetry = openTelemetry({
    mqtt: options.mqtt,
    listen: options.mqttListen,
    passwordListen: options.mqttPasswordListen,
    intervalMs: options.mqttInterval * 1_000,
    advertiseAddress,
    dataDir: options.dataDir,
    searchPath: process.env['PATH'] ?? '',
    pki,
    client,
    dispatch: api.dispatch,
    informers,
    clock,
    random: Math.random,
    log,
  });
  const serverEvents = new ApiEventRecorder({ client, clock, log, component: 'coracle-server' });
  const link = new LinkServer({
    listen: options.agentListen,
    ca: pki.ca.cert,
    serving: servingChain(pki),
    caDer: pki.ca.der,
    boards,
    source: createInformerSource(informers, { ingress, log }),
    dispatch: api.dispatch,
    certificates: createBoardCertificates({
      issuer: pki.ca.issuer,
      reader,
      joinTokens: [pki.joinToken, options.token],
      isLive: (nodeName) => boards.get(nodeName) !== undefined,
      identities,
      record: (identity, before) => recordIdentity(client, identity, before),
      onTaken: (name, peer, sameHardware) =>
        serverEvents.event(nodeReference(name), identityTaken(name, peer, sameHardware)),
      clock,
    }),
    gate: identities,
    network: {
      clusterDns: services.at(10),
      dnsElsewhere: options.disable.includes('dns'),
      clusterDomain: options.clusterDomain,
      serviceCidr: options.serviceCidr,
      clusterCidr: options.clusterCidr,
      network: options.network,
      tunnelPort: options.tunnelPort,
    },
    ...(telemetry.boards ? { mqtt: telemetry.boards } : {}),
    usage,
    version: VERSION,
    now: () => clock.now(),
    log,
  });

  // What makes the cluster work: controllers and scheduler, on the same informers, of one server at a time.
  const lead = (name: string, component: string, work: (leading: AbortSignal) => Promise<void>) =>
    new LeaderElector({
      client,
      clock,
      log,
      rng: Math.random,
      events: new ApiEventRecorder({ client, clock, log, component }),
      name,
      // The same after a restart, so that nobody waits for a Lease that a power cut has left.
      identity: options.nodeName,
    })
      .run(signal, work)
      .catch((err: unknown) => {
        // Whoever starts this program again gives it a new chance to lead.
        process.exitCode = 1;
        stop.abort(err);
      });
  const scheduler = new Scheduler({
    client: api.client({ name: 'system:kube-scheduler', groups: ['system:masters'] }),
    informers,
    events: new ApiEventRecorder({ client, clock, log, component: 'default-scheduler' }),
    clock,
    random: Math.random,
    log,
    schedulerName: 'default-scheduler',
  });
  const controllers: Omit<ControllersOptions, 'signal'> = {
    client: api.client({ name: 'system:kube-controller-manager', groups: ['system:masters'] }),
    informers,
    clock,
    log,
    issuer: pki.ca.issuer,
    caPem: pki.ca.cert,
    clusterCidr: options.clusterCidr,
    serviceLb: !options.disable.includes('servicelb'),
    reservedPorts: [
      ...BOARD_PORTS,
      ...[options.listen, options.agentListen, options.mqttListen].map(({ port }) => `TCP/${port}`),
    ],
    issueToken: async (claims) =>
      tokens.issue({
        claims: {
          namespace: claims.namespace,
          serviceaccount: claims.serviceAccount,
          secret: claims.secret,
        },
        audiences: [],
        expirationSeconds: undefined,
      }).token,
    kinds: api.api.resources,
    ingress,
    checkApiService: async (service) => {
      const remote = remoteOf(service);
      if (remote) await discovery.check(remote);
    },
    boardStorage: createBoardStorage(boards),
    queues,
  };
  informers.start(signal);
  await informers.whenSynced(signal);
  const leaders = [
    lead('kube-controller-manager', 'kube-controller-manager', (leading) =>
      startControllers({ ...controllers, signal: leading }),
    ),
    lead('kube-scheduler', 'default-scheduler', (leading) => scheduler.start(leading)),
  ];
  const telling = telemetry.run(signal);
  const saving = keepBackups(
    {
      source: backupSource,
      place: options.backupTo,
      cron: options.backupSchedule,
      keep: options.backupKeep,
      endpoint: options.backupS3Endpoint,
      region: options.backupS3Region,
      reader,
      events: new ApiEventRecorder({ client, clock, log, component: 'backup' }),
      clock,
      log,
    },
    signal,
  );
  const timing = time.run(signal);
  // A board that connects finds the caches filled: what it is fed is whole.
  const linkPort = await link.listen();
  const keeping = keepCertificates(
    {
      open: openKeys,
      current: pki,
      apply: (renewed) => {
        keys = renewed;
        api.useCertificate(renewed.serving);
        link.useCertificate(servingChain(renewed));
        tellAdministrator(renewed);
      },
      clock,
      log,
    },
    signal,
  );
  log.info('boards are served', { address: `${advertiseAddress}:${linkPort}` });

  const onLan = answerOnLan(options, port, linkPort, clock, log, signal);
  const agent = options.noAgent
    ? Promise.resolve()
    : runOwnAgent(ownAgent(options, pki, port, linkPort, advertiseAddress, log), signal);
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

  log.info('stopping', { reason: (signal.reason as Error).message });
  link.close();
  webhooks.close();
  await Promise.all([agent, telling, keeping, timing, onLan, saving, ...leaders, api.close()]);
  audit?.close();
  await store.close();
}

/** Boards see the CA too: one that joins knows it by its pin. */
const servingChain = ({ serving, ca }: Pki): KeyPair => ({ ...serving, cert: `${serving.cert}${ca.cert}` });

/** The agent of this board joins as any other does: with a token, over the link. */
function ownAgent(
  options: ServerOptions,
  pki: Pki,
  port: number,
  linkPort: number,
  nodeIp: string,
  log: Logger,
): Parameters<typeof runOwnAgent>[0] {
  const given: Readonly<Record<string, string>> = {
    server: `https://127.0.0.1:${port}`,
    'server-link': `127.0.0.1:${linkPort}`,
    'node-name': options.nodeName,
    'node-ip': nodeIp,
    'data-dir': options.dataDir,
    'log-level': options.logLevel,
    'set-clock': options.setClock,
    'ingress-http-port': String(options.ingressHttpPort),
    'ingress-https-port': String(options.ingressHttpsPort),
    ...(options.containerd ? { containerd: options.containerd } : {}),
  };
  const token = formatJoinToken({ token: pki.joinToken, caPin: pki.caHash.replace(/^sha256:/, '') });
  return {
    command: [
      process.execPath,
      process.argv[1] ?? '',
      'agent',
      ...Object.entries(given).flatMap(([name, value]) => [`--${name}`, value]),
    ],
    environment: { CORACLE_TOKEN: token },
    clock: systemClock,
    log,
  };
}

/** People and boards find the server by name, unless it listens for this machine alone. */
async function answerOnLan(
  options: ServerOptions,
  port: number,
  linkPort: number,
  clock: Clock,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  if (options.disable.includes('mdns')) return;
  const { MdnsResponder } = await import('./mdns/responder.ts');
  const { listen, nodeName } = options;
  await new MdnsResponder({ listen: listen.host, instance: nodeName, port, linkPort, clock, log }).run(
    signal,
  );
}

/** The audit log, if there is a policy for one. What is not used is not even loaded. */
async function openAudit(options: ServerOptions, clock: Clock, log: Logger) {
  const { auditPolicyFile, auditLogPath } = options;
  if (!auditPolicyFile || !auditLogPath) return undefined;
  const { openAuditLog } = await import('./apiserver/audit/open-audit-log.ts');
  return openAuditLog(
    {
      policyFile: auditPolicyFile,
      path: auditLogPath,
      maxSize: options.auditLogMaxsize,
      maxAge: options.auditLogMaxage,
      maxBackup: options.auditLogMaxbackup,
    },
    clock,
    log,
  );
}

/** The login of people at an OpenID Connect issuer, where one is named. */
async function openLogin(options: ServerOptions, clock: Clock, log: Logger) {
  if (!options.oidcIssuerUrl) return undefined;
  const { openOidc } = await import('./apiserver/authn/oidc/open-oidc.ts');
  return openOidc(
    {
      issuer: options.oidcIssuerUrl,
      clientId: options.oidcClientId,
      caFile: options.oidcCaFile,
      usernameClaim: options.oidcUsernameClaim,
      usernamePrefix: options.oidcUsernamePrefix || undefined,
      groupsClaim: options.oidcGroupsClaim,
      groupsPrefix: options.oidcGroupsPrefix,
      requiredClaims: options.oidcRequiredClaim,
      algorithms: options.oidcSigningAlgs.split(','),
    },
    clock,
    log,
  );
}
