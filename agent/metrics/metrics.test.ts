import { expect, it } from 'vitest';
import { type BoardTexts, boardFamilies } from '#agent/metrics/board.plan.ts';
import { type BoardFacts, cadvisorFamilies, resourceFamilies } from '#agent/metrics/containers.plan.ts';
import { exposition } from '#proto/metrics/exposition.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';

const NET_DEV = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0: 1234567     890    1    2    0     0          0         3  7654321     456    4    5    0     0       0          0
vetha1:      10       1    0    0    0     0          0         0       10       1    0    0    0     0       0          0
`;

const board: BoardTexts = {
  stat: 'cpu  300 0 100 1000 50 0 10 0 0 0\ncpu0 100 0 50 500 25 0 5 1 0 0\ncpu1 200 0 50 500 25 0 5 0 0 0\nintr 4242 1 2\nctxt 777\nbtime 1700000000\nprocesses 99\nprocs_running 2\nprocs_blocked 0\n',
  meminfo:
    'MemTotal:        1000 kB\nMemAvailable:     600 kB\nActive(anon):      10 kB\nHugePages_Total:    3\n',
  loadavg: '0.20 0.18 0.12 1/80 11206\n',
  netDev: NET_DEV,
  diskstats:
    ' 179       0 mmcblk0 100 1 2000 50 200 2 4000 80 0 90 130 0 0 0 0\n   7       0 loop0 1 0 0 0 0 0 0 0 0 0 0\n',
  fileNr: '1024\t0\t9999\n',
  thermalZones: [{ zone: '0', type: 'cpu-thermal\n', temp: '51500\n' }],
  fileSystems: [
    {
      device: '/dev/mmcblk0p2',
      mountpoint: '/',
      fstype: 'ext4',
      sizeBytes: 1000,
      freeBytes: 500,
      availableBytes: 400,
      files: 10,
      freeFiles: 5,
    },
  ],
  uname: { sysname: 'Linux', release: '6.1', version: '#1', machine: 'aarch64', nodename: 'board-1' },
  throttled: 0x5_0001,
  nowMs: 1_800_000_000_000,
};

it.each([
  'node_cpu_seconds_total{cpu="0",mode="user"} 1',
  'node_cpu_seconds_total{cpu="1",mode="iowait"} 0.25',
  'node_boot_time_seconds 1700000000',
  'node_context_switches_total 777',
  'node_intr_total 4242',
  'node_memory_MemTotal_bytes 1024000',
  'node_memory_Active_anon_bytes 10240',
  'node_memory_HugePages_Total 3',
  'node_load1 0.2',
  'node_load15 0.12',
  'node_network_receive_bytes_total{device="eth0"} 1234567',
  'node_network_transmit_drop_total{device="eth0"} 5',
  'node_disk_written_bytes_total{device="mmcblk0"} 2048000',
  'node_disk_io_time_seconds_total{device="mmcblk0"} 0.09',
  'node_filesystem_avail_bytes{device="/dev/mmcblk0p2",fstype="ext4",mountpoint="/"} 400',
  'node_filefd_allocated 1024',
  'node_thermal_zone_temp{zone="0",type="cpu-thermal"} 51.5',
  'coracle_board_throttled{reason="under_voltage"} 1',
  'coracle_board_throttled{reason="throttled"} 0',
  'coracle_board_throttled_since_boot{reason="throttled"} 1',
  'node_time_seconds 1800000000',
  'node_uname_info{sysname="Linux",release="6.1",version="#1",machine="aarch64",nodename="board-1"} 1',
])('tells of the board: %s', (line) => {
  expect(exposition(boardFamilies(board)).split('\n')).toContain(line);
});

it('says nothing of what a board does not have', () => {
  const bare = { ...board, diskstats: '', fileNr: '', thermalZones: [], throttled: undefined, netDev: '' };
  expect(exposition(boardFamilies(bare))).not.toMatch(/disk|thermal|throttled|network|filefd|loop0|veth/);
});

const pod = {
  metadata: { name: 'web', namespace: 'shop' },
  spec: { containers: [{ name: 'main', resources: { limits: { cpu: '500m', memory: '64Mi' } } }] },
} as Pod;
const facts: BoardFacts = {
  cpus: 4,
  memoryBytes: 1024,
  containers: [
    {
      pod,
      name: 'main',
      id: 'c1',
      image: 'hello:1',
      cgroup: '/kubepods/podu/c1',
      startedAtMs: 5_000,
      usage: { cpuNs: 2_500_000_000, memoryBytes: 100, workingSetBytes: 70, processes: 3 },
      details: {
        cpuPeriods: 10,
        throttledPeriods: 4,
        throttledNs: 3e9,
        oomKills: 2,
        io: { readBytes: 4096, writtenBytes: 512, reads: 1, writes: 2 },
        pressure: {
          cpu: { someNs: 2e9, fullNs: 1e9 },
          memory: { someNs: 0, fullNs: 0 },
          io: { someNs: 5e8, fullNs: 0 },
        },
      },
    },
  ],
  networks: [{ pod, cgroup: '/kubepods/podu', netDev: NET_DEV }],
  board: { cpuNs: 9e9, workingSetBytes: 400 },
};
const own = 'namespace="shop",pod="web",container="main",name="c1",id="/kubepods/podu/c1",image="hello:1"';

it.each([
  'machine_cpu_cores 4',
  `container_cpu_usage_seconds_total{${own}} 2.5`,
  `container_memory_working_set_bytes{${own}} 70`,
  `container_spec_cpu_quota{${own}} 50000`,
  `container_spec_memory_limit_bytes{${own}} 67108864`,
  `container_start_time_seconds{${own}} 5`,
  `container_cpu_cfs_throttled_seconds_total{${own}} 3`,
  `container_oom_events_total{${own}} 2`,
  `container_fs_writes_bytes_total{${own}} 512`,
  `container_pressure_cpu_stalled_seconds_total{${own}} 1`,
  `container_pressure_io_waiting_seconds_total{${own}} 0.5`,
  'container_network_transmit_bytes_total{namespace="shop",pod="web",interface="eth0",id="/kubepods/podu"} 7654321',
])('tells of containers: %s', (line) => {
  expect(exposition(cadvisorFamilies(facts)).split('\n')).toContain(line);
});

it('tells autoscalers what they need', () => {
  expect(exposition(resourceFamilies(facts)).split('\n')).toEqual(
    expect.arrayContaining([
      'container_cpu_usage_seconds_total{container="main",namespace="shop",pod="web"} 2.5',
      'node_cpu_usage_seconds_total 9',
      'node_memory_working_set_bytes 400',
      'scrape_error 0',
    ]),
  );
});
