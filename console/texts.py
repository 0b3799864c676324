"""Sentences of the command line in the languages people read; what argparse prints itself stays English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from console.model_texts import MODEL_TEXTS

LANGUAGES: Final = ("en", "zh-CN")

CATALOGUE: Final[dict[str, tuple[str, str]]] = {
    # demo, up, replay
    "run.broker": ("Broker        127.0.0.1:{port} ({kind})", "消息代理      127.0.0.1:{port}（{kind}）"),
    "run.board": ("Board         {url}", "态势看板      {url}"),
    "run.data": ("Data          {folder}", "数据目录      {folder}"),
    "run.clock": ("Clock         {time}, {speed:g} times real time", "系统时间      {time}，{speed:g} 倍速"),
    "run.history": (
        "Making {days:g} days of history, so that the models know what is usual ...",
        "正在生成 {days:g} 天历史数据，让模型了解日常规律……",
    ),
    "run.again": (
        "Found the data of an earlier run; --fresh starts empty.",
        "已找到上次运行的数据；加 --fresh 可从头开始。",
    ),
    "run.stop": ("Ctrl-C stops everything.", "按 Ctrl-C 全部停止。"),
    "run.ready": ("Running.", "系统已运行。"),
    "run.stopping": ("Stopping ...", "正在停止……"),
    "run.headless": ("Running for {seconds:g} seconds ...", "运行 {seconds:g} 秒……"),
    "run.port": ("Port {wanted} is taken, using {port}.", "端口 {wanted} 已被占用，改用 {port}。"),
    "run.died": ("Stopped because a part ended by itself:", "有组件意外退出，系统已停止："),
    # summary
    "sum.title": ("What was seen", "运行小结"),
    "sum.published": ("published", "设备发送"),
    "sum.lost": ("lost on purpose on the way", "模拟丢包"),
    "sum.received": ("received", "网关接收"),
    "sum.stored": ("stored", "入库"),
    "sum.duplicates": ("duplicates dropped", "去除重复"),
    "sum.quarantined": ("quarantined", "隔离"),
    "sum.windows": ("windows", "统计窗口"),
    "sum.anomalies": ("anomalies", "异常"),
    "sum.alerts": ("alerts", "告警"),
    "sum.hotspots": ("hotspot maps", "热点图"),
    "sum.latency": ("hazard to alert, p50 / p99", "险情到告警 p50 / p99"),
    "sum.truth": ("scenarios detected", "场景检出"),
    "sum.false": ("false alarms per device and day", "每设备每日误报"),
    "sum.rate": ("observations per second", "每秒观测数"),
    "sum.of": ("{part} of {whole}", "{part} / {whole}"),
    "sum.missed": ("missed", "漏检"),
    "sum.none": ("-", "-"),
    # topics, gateway
    "topics.made": ("made {topic}", "已创建 {topic}"),
    "topics.same": (
        "All {count} topics at {kafka} are as they must be.",
        "{kafka} 上的 {count} 个主题均符合要求。",
    ),
    "topics.col.topic": ("topic", "主题"),
    "topics.col.what": ("differs", "差异项"),
    "topics.col.found": ("is", "现状"),
    "topics.col.expected": ("must be", "应为"),
    "topics.what.missing": ("missing", "缺失"),
    "topics.what.partitions": ("partitions", "分区数"),
    "topics.what.replication": ("copies", "副本数"),
    "topics.do.missing": (
        "Missing topics: `patrolgrid topics create` makes them.",
        "缺失的主题：运行 `patrolgrid topics create` 即可创建。",
    ),
    "topics.do.partitions": (
        "Partitions are never changed here: set kafka.shards to what is there, or see docs/operations.md.",
        "本命令不改动分区数：请将 kafka.shards 设为现有分区数，或参阅 docs/operations.md。",
    ),
    "topics.do.replication": (
        "Copies: bring missing brokers back and reassign the partitions, or set kafka.replication to fewer.",
        "副本数：请恢复缺少的 Kafka 节点并重新分配分区，或将 kafka.replication 设小。",
    ),
    "topics.do.config": (
        "Settings of a topic: kafka-configs.sh --alter --topic TOPIC --add-config KEY=VALUE, or the [kafka] section.",
        "主题配置：使用 kafka-configs.sh --alter --topic TOPIC --add-config KEY=VALUE，或修改 [kafka] 设置。",
    ),
    "topics.alter": ("Nothing that was there has been changed.", "现有主题未作任何改动。"),
    "gateway.runs": ("Gateway {name}: MQTT to Kafka at {kafka}.", "网关 {name}：MQTT 数据写入 Kafka（{kafka}）。"),
    "gateway.name": (
        "--name is {name!r}, expected letters, digits, - and _, at most 48",
        "--name 为 {name!r}，只能使用字母、数字、- 和 _，最长 48 个字符",
    ),
    "worker.runs": (
        "Worker {name}: records from Kafka at {kafka}.",
        "处理进程 {name}：从 Kafka（{kafka}）读取记录。",
    ),
    "worker.name": (
        "--name {name}: expected letters, digits, '-' and '_' only",
        "--name {name}：只能由字母、数字、“-”和“_”组成",
    ),
    "worker.ended": (
        "the worker ended by itself ({error}); start it again, nothing is lost",
        "处理进程自行终止（{error}）；请重新启动，数据不会丢失",
    ),
    "gateway.locked": (
        "a gateway {name} runs on this machine already; give this one another --name ({error})",
        "本机已在运行网关 {name}；请为新网关换一个 --name（{error}）",
    ),
    # influx, grafana
    "influx.url": (
        "influx.url is empty: set it in [influx], or PATROLGRID_INFLUX__URL",
        "influx.url 未设置：请在 [influx] 中填写，或设置 PATROLGRID_INFLUX__URL",
    ),
    "influx.admin": (
        "InfluxDB 2 asks for the operator's token: set INFLUX_TOKEN, or name a file with --admin-token-file",
        "InfluxDB 2 需要管理员令牌：请设置 INFLUX_TOKEN，或用 --admin-token-file 指定文件",
    ),
    "influx.made": ("made    ", "已创建"),
    "influx.missing": ("missing ", "缺少  "),
    "influx.same": ("Everything is there already.", "均已就绪，无需改动。"),
    "influx.backfilled": ("{lines:,} lines are in InfluxDB.", "已向 InfluxDB 补写 {lines:,} 行。"),
    "influx.expired": (
        "InfluxDB does not keep some lines that old ({count} batches). A longer retention would keep them.",
        "部分数据早于 InfluxDB 的保留期限（{count} 批），未能写入；延长保留期限后可重新补写。",
    ),
    "influx.downsampled": ("{days} days have coarse values.", "已生成 {days} 天的降采样数据。"),
    "influx.token": ("{path}: set {key} to this file", "{path}：请将 {key} 设为此文件"),
    "grafana.url": (
        "grafana.url is empty: set it in [grafana], or PATROLGRID_GRAFANA__URL",
        "grafana.url 未设置：请在 [grafana] 中填写，或设置 PATROLGRID_GRAFANA__URL",
    ),
    "grafana.token": (
        "there is no Grafana token: name a file with grafana.token_file, or set PATROLGRID_GRAFANA__TOKEN",
        "缺少 Grafana 令牌：请用 grafana.token_file 指定文件，或设置 PATROLGRID_GRAFANA__TOKEN",
    ),
    "grafana.create": ("created     ", "已创建"),
    "grafana.update": ("updated     ", "已更新"),
    "grafana.would_create": ("would create", "将创建"),
    "grafana.would_update": ("would update", "将更新"),
    "grafana.data source": ("data source", "数据源"),
    "grafana.folder": ("folder     ", "文件夹"),
    "grafana.dashboard": ("dashboard  ", "看板  "),
    "grafana.alert rule": ("alert rule ", "告警规则"),
    "grafana.same": ("Grafana has everything as it should be.", "Grafana 已是最新，无需改动。"),
    # status
    "status.site": ("Site {site}: {state}", "站点 {site}：{state}"),
    "status.running": ("running", "运行中"),
    "status.stopped": ("stopped", "已停止"),
    "status.upto": ("Data up to {time}", "数据截至 {time}"),
    "status.totals": (
        "{observations} observations, {windows} windows, {anomalies} anomalies, {alerts} alerts ({open} open)",
        "观测 {observations} 条，窗口 {windows} 个，异常 {anomalies} 起，告警 {alerts} 条（未关闭 {open} 条）",
    ),
    "status.quality": ("{duplicates} duplicates dropped, {late} late", "去除重复 {duplicates} 条，迟到 {late} 条"),
    "status.rates": (
        "{rate:.0f} observations/s, {lag} records ({seconds:.1f} s) behind",
        "每秒 {rate:.0f} 条观测，积压 {lag} 条记录（{seconds:.1f} 秒）",
    ),
    "status.training.trained": (
        "Context of the beats: judged by a model trained {time} on {rows:,} windows of {beats} beats",
        "网格组合分析：使用{time}训练的模型，依据{beats}个网格的{rows:,}个时间窗",
    ),
    "status.training.none": ("Context of the beats: no model yet ({detail})", "网格组合分析：尚无模型（{detail}）"),
    "status.training.waiting": ("history is gathered", "正在积累历史数据"),
    "status.training.running": ("it is being trained", "正在训练"),
    "status.training.failed": (
        "Context of the beats: training failed, nothing else is affected: {detail}",
        "网格组合分析：模型训练失败，不影响其他功能：{detail}",
    ),
    "status.budget": (
        "Alert budget: {per_day} a day; threshold {odds}; {raised} raised, {held} held back today",
        "告警预算：每天 {per_day} 条；今日阈值：{odds}；今日已告警 {raised} 条，压下未报 {held} 条",
    ),
    "status.shipped": ("as shipped", "出厂值"),
    "status.quarantine": ("Quarantine: {text}", "隔离区：{text}"),
    "status.empty": ("empty", "空"),
    "status.devices": ("Devices", "设备"),
    "status.alerts": ("Open alerts", "未关闭告警"),
    "status.anomalies": ("Latest anomalies", "最近异常"),
    "status.more": ("... and {count} more (--json shows all)", "……另有 {count} 项（--json 显示全部）"),
    "status.col.device": ("device", "设备"),
    "status.col.beat": ("beat", "网格"),
    "status.col.series": ("measures", "测量项"),
    "status.col.n": ("observations", "观测数"),
    "status.col.in": ("in", "进"),
    "status.col.out": ("out", "出"),
    "status.col.quality": ("quality", "质量"),
    "status.col.time": ("time", "时间"),
    "status.col.kind": ("kind", "类型"),
    "status.col.severity": ("severity", "级别"),
    "status.col.text": ("why", "说明"),
    "severity.info": ("info", "提示"),
    "severity.warning": ("warning", "警告"),
    "severity.critical": ("critical", "紧急"),
    # doctor
    "doctor.ok": ("ok", "正常"),
    "doctor.warn": ("warn", "注意"),
    "doctor.fail": ("FAIL", "故障"),
    "doctor.todo": ("do: {text}", "处理：{text}"),
    "doctor.python": ("Python", "Python"),
    "doctor.packages": ("packages", "软件包"),
    "doctor.settings": ("settings", "配置"),
    "doctor.places": ("places", "点位文件"),
    "doctor.broker": ("broker", "消息代理"),
    "doctor.disk": ("disk", "磁盘"),
    "doctor.clock": ("clock", "时钟"),
    "doctor.zone": ("time zone", "时区"),
    "doctor.ports": ("ports", "端口"),
    "doctor.node": ("node", "节点"),
    "doctor.secrets": ("secrets", "密钥"),
    "doctor.python.ok": ("{version}", "{version}"),
    "doctor.python.old": ("{version} is too old", "版本 {version} 过低"),
    "doctor.python.do": ("install Python 3.11 or later", "请安装 Python 3.11 或更高版本"),
    "doctor.packages.ok": ("all extras a node and a board need are here", "节点与看板所需软件包齐全"),
    "doctor.packages.edge": (
        "enough for an edge device; missing: {names}",
        "可作边缘设备使用；缺少：{names}",
    ),
    "doctor.packages.do": ("pip install '.[{extras}]'", "执行 pip install '.[{extras}]'"),
    "doctor.settings.ok": ("{file} is in order", "{file} 无误"),
    "doctor.settings.default": ("no file, all defaults", "无配置文件，全部使用默认值"),
    "doctor.settings.do": (
        "correct that key; `patrolgrid settings --example` shows all",
        "请更正该项；`patrolgrid settings --example` 可查看全部配置",
    ),
    "doctor.places.ok": ("{beats} beats, {devices} devices in {file}", "{file}：网格 {beats} 个，设备 {devices} 台"),
    "doctor.places.none": ("no places file at {file}", "未找到点位文件 {file}"),
    "doctor.places.none.do": (
        "draw beats and devices as GeoJSON and name the file as site.places",
        "请用 GeoJSON 绘制网格与设备，并在 site.places 中填写文件名",
    ),
    "doctor.places.do": ("correct that feature in the file", "请更正文件中的该要素"),
    "doctor.broker.ok": (
        "{host}:{port} accepts the connection in {ms:.0f} ms",
        "{host}:{port} 已接受连接，用时 {ms:.0f} 毫秒",
    ),
    "doctor.broker.embedded": (
        "embedded: it is started together with the node",
        "内置消息代理：随节点一同启动",
    ),
    "doctor.broker.down": ("{host}:{port}: {error}", "{host}:{port}：{error}"),
    "doctor.broker.down.do": (
        "start the broker (`patrolgrid broker`), or correct broker.host and broker.port",
        "请启动消息代理（`patrolgrid broker`），或更正 broker.host 与 broker.port",
    ),
    "doctor.broker.refused": ("{host}:{port} refuses: {error}", "{host}:{port} 拒绝连接：{error}"),
    "doctor.broker.refused.do": (
        "check broker.username, its password and the TLS files",
        "请检查 broker.username、口令与 TLS 证书文件",
    ),
    "doctor.disk.ok": ("{free} free in {folder}, writable", "{folder} 可写，剩余 {free}"),
    "doctor.disk.low": (
        "{free} free in {folder}, fewer than {need} are left to work with",
        "{folder} 剩余 {free}，不足 {need}",
    ),
    "doctor.disk.low.do": (
        "make room, or lower log.max_mb and log.max_age_days",
        "请清理磁盘，或调低 log.max_mb 与 log.max_age_days",
    ),
    "doctor.disk.bad": ("{folder} cannot be written to: {error}", "{folder} 无法写入：{error}"),
    "doctor.disk.bad.do": ("correct its owner or data.dir", "请更正目录权限或 data.dir"),
    "doctor.clock.ok": ("{time}, kept by a time service", "{time}，已与时间服务同步"),
    "doctor.clock.unknown": ("{time}; no time service to ask here", "{time}；本机无法查询时间同步状态"),
    "doctor.clock.unknown.do": (
        "make sure something keeps the clock right (chrony, systemd-timesyncd)",
        "请确认有时间同步服务（chrony、systemd-timesyncd）",
    ),
    "doctor.clock.loose": ("{time}; no time service keeps it", "{time}；未与时间服务同步"),
    "doctor.clock.bad": ("the clock says {time}", "系统时钟显示 {time}"),
    "doctor.clock.bad.do": ("set the clock: observations are judged by it", "请校准时钟：观测数据以它为准"),
    "doctor.zone.ok": ("{zone}, {time} there", "{zone}，当地时间 {time}"),
    "doctor.zone.bad": ("{zone} is not known here", "本机没有时区 {zone} 的数据"),
    "doctor.zone.do": ("pip install tzdata, or correct site.timezone", "执行 pip install tzdata，或更正 site.timezone"),
    "doctor.ports.ok": ("board port {port} is free", "看板端口 {port} 空闲"),
    "doctor.ports.ours": ("a board answers on port {port}", "看板正在使用端口 {port}"),
    "doctor.ports.taken": (
        "board port {port} is taken; the next free one is used",
        "看板端口 {port} 已被占用，将改用下一个空闲端口",
    ),
    "doctor.ports.do": ("set board.port if the address has to stay the same", "如需固定地址，请设置 board.port"),
    "doctor.node.running": ("running for site {site}, process {pid}", "站点 {site} 的节点正在运行，进程 {pid}"),
    "doctor.node.stopped": ("not running for site {site}", "站点 {site} 的节点未运行"),
    "doctor.node.behind": ("{records} records behind ({seconds:.0f} s)", "积压 {records} 条记录（{seconds:.0f} 秒）"),
    "doctor.node.behind.do": ("look at the machine's load and at node.log", "请检查本机负载与 node.log"),
    "doctor.secrets.ok": ("secret files are readable by their owner only", "密钥文件仅所有者可读"),
    "doctor.secrets.open": ("{file} can be read by others", "{file} 可被其他用户读取"),
    "doctor.secrets.open.do": ("chmod 600 {file}", "执行 chmod 600 {file}"),
    "doctor.secrets.missing": ("{file} is not there", "{file} 不存在"),
    "doctor.secrets.missing.do": ("make the file, or correct {key}", "请创建该文件，或更正 {key}"),
    "doctor.good": ("Nothing stands in the way.", "检查通过，可以运行。"),
    "doctor.bad": ("{count} to put right before a node can run.", "有 {count} 项需要处理后才能运行。"),
    **MODEL_TEXTS,
    # quarantine
    "quarantine.empty": ("The quarantine of site {site} is empty.", "站点 {site} 的隔离区为空。"),
    "quarantine.total": ("{count} in quarantine", "隔离区共 {count} 条"),
    "quarantine.col.id": ("id", "编号"),
    "quarantine.col.time": ("received", "接收时间"),
    "quarantine.col.reason": ("reason", "原因"),
    "quarantine.col.topic": ("topic", "主题"),
    "quarantine.col.detail": ("detail", "说明"),
    "quarantine.col.count": ("count", "数量"),
    "quarantine.replayed": (
        "{count} sent again to {host}:{port}; what is accepted now leaves no trace here, the rest comes back.",
        "已向 {host}:{port} 重发 {count} 条；可接受的将正常入库，其余会再次隔离。",
    ),
    "quarantine.cut": (
        "{count} not sent: only their beginning was kept, or their topic is none that a device may use.",
        "{count} 条未重发：仅保留了开头部分，或主题不属于设备。",
    ),
    # replay
    "replay.title": ("{file}: {observations} observations", "{file}：观测 {observations} 条"),
    "replay.progress": ("replaying", "回放"),
    "replay.sent": ("{count} messages sent to {host}:{port}.", "已向 {host}:{port} 发送 {count} 条消息。"),
    "replay.catching": ("Waiting for the node to catch up ...", "等待节点处理完毕……"),
    "replay.status": (
        "`patrolgrid status --site {site}` shows more.",
        "`patrolgrid status --site {site}` 可查看详情。",
    ),
}
"""Key → (English, Simplified Chinese), with the same placeholders in both."""


class Texts:
    """The catalogue in one language."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else "en"
        self._column = LANGUAGES.index(self.language)

    def __call__(self, key: str, /, **values: object) -> str:
        """Return a sentence with its values filled in. Raises KeyError for a key that does not exist."""
        return CATALOGUE[key][self._column].format(**values)

    def pick(self, text: Mapping[str, str] | str) -> str:
        """Return a result's text (`stream.results.Text`) in this language, else in English, else in any."""
        if isinstance(text, str):
            return text
        return text.get(self.language) or text.get("en") or next(iter(text.values()), "")


def pick_language(option: str | None, environment: Mapping[str, str], configured: str | None = None) -> str:
    """Return the language to speak: the option's, the environment's, the settings file's, the locale's, or English."""
    if option:
        return option
    named = environment.get("PATROLGRID_SITE__LANGUAGE") or configured
    if named in LANGUAGES:
        return named
    locale = environment.get("LC_ALL") or environment.get("LC_MESSAGES") or environment.get("LANG") or ""
    return "zh-CN" if locale.lower().startswith("zh") else "en"
