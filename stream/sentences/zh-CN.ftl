### 用户看到的全部语句（简体中文）。一种语言一个文件，生成方式见 stream/sentences/__init__.py。
### $..._ms 为时刻，$..._s 为时长；时刻、时长和数字按本语言的习惯显示。

## 发现的情况：异常、告警和热点的语句

surge = { counted }{ $observed }{ measure }，正常应为{ $expected }{ measure }，{ chance }，自{ $since_ms }起。
deficit = { surge }
dead = 未统计到{ counted }，正常应为{ $expected }{ measure }，{ chance }，自{ $since_ms }起。
counted = { $metric ->
    [person] 行人
    [vehicle] 车辆
   *[other] { $metric }
}
measure = { $metric ->
    [person] 人次
    [vehicle] 辆次
   *[other] {""}
}
chance = { ODDS($p) ->
    [1] 多个时段累计才显异常
    [0] 概率不到十亿分之一
   *[other] 概率约为{ COMPACT(ODDS($p)) }分之一
}

level_high = { reading }{ $observed }，正常应为{ $expected }，{ chance }，自{ $since_ms }起。
level_low = { level_high }
reading = { $metric ->
    [noise] 噪声
    [smoke] 烟雾浓度
    [temperature] 温度
    [water] 水深
    [humidity] 湿度
   *[other] { $metric }
}
unit = { $metric ->
    [noise] {" dB"}
    [smoke] {" %/m"}
    [temperature] {" °C"}
    [water] {" cm"}
   *[other] {""}
}

threshold = { kind }：{ reading }{ $observed }{ unit }，阈值{ $limit }{ unit }，自{ $since_ms }起。
state = { kind }：状态为“{ state-word }”{ $hold ->
    [0] {""}
   *[other] ，已超过{ $hold }秒
}，自{ $since_ms }起。
state-word = { $word ->
    [open] 打开
    [closed] 关闭
    [tilted] 倾斜
    [alarm] 报警
    [ok] 正常
    [blocked] 被遮挡
    [lost] 信号丢失
    [stuck] 卡住
    [up] 抬起
    [down] 落下
   *[other] { $word }
}

stranger_vehicle = { $at_ms }，未登记车辆，{ $value ->
    [-1] 近{ $limit }天内首次出现
   *[other] 距上次出现已{ $value }天
}。
tailgating = { $at_ms }，未获准车辆紧跟前车通过，间隔{ NUMBER($value, minimumFractionDigits: 1, maximumFractionDigits: 1) }秒（阈值{ $limit }秒）。
circling = { $at_ms }，同一车辆短时间内{ $value }次经过卡口。
wrong_way = { $at_ms }，车辆逆向通过单行卡口。
overstay = { $at_ms }，外来车辆已滞留{ $value }小时（上限{ $limit }小时）。
convoy = { $at_ms }，{ $value }辆陌生车辆接连通过卡口。
barrier_down = 道闸显示为落下状态，仍连续有{ $passes }辆车通过，自{ $since_ms }起。

silent = 已{ $silent_s }未收到数据，正常每{ $usual_s }上报一次。
feed_lost = 本网格{ $heard }台设备中有{ $lost }台失联，该区域目前无法监测。

context = { day }{ $at_ms }前后{ $channels }{ $calm ->
    [0] {""}
   *[other] ，{ $usual }正常
}；此类组合{ chance }{ $since_ms ->
    [0] {""}
   *[other] ，自{ $since_ms }起
}。
    .usual = 、
channel = { $link ->
    [but] ，而
    [and] ，且
   *[first] {""}
}{ channel-name }偏{ amount }（{ $link ->
    [first] { $minutes }分钟内
   *[other] {""}
}{ $observed }{ channel-unit }，正常应为{ $expected }{ channel-unit }）
channel-name = { $channel ->
    [people] 行人
    [vehicles] 车辆
   *[noise] 噪声
}
channel-unit = { $channel ->
    [people] 人次
    [vehicles] 辆次
   *[noise] 分贝
}
amount = { $channel ->
    [noise] { $direction ->
        [1] 高
       *[other] 低
    }
   *[other] { $direction ->
        [1] 多
       *[other] 少
    }
}
day = { $day ->
    [monday] 周一
    [tuesday] 周二
    [wednesday] 周三
    [thursday] 周四
    [friday] 周五
    [saturday] 周六
    [sunday] 周日
    [working_saturday] 调休上班的周六
    [working_sunday] 调休上班的周日
   *[holiday] 节假日
}

together = { TENS($metres) }米范围内{ $count }{ devices }同时异常：{ $names }{ $more ->
    [0] {""}
   *[other] 等
}。{ $place }最为明显：{ $strongest }
    .names = 、
devices = { $type ->
    [camera] 个摄像头
    [gate] 个卡口
   *[other] 台设备
}
fire = { $metres ->
    [0] 同一位置
   *[other] { TENS($metres) }米范围内
}烟感、温感同时报警，疑似起火。{ $parts }
part = { $place }：{ $why }

series = { $hours }小时内在{ $metres }米范围内发生{ incidents }{ $count }起。
hotspot = 附近{ $hours }小时内{ $parts }。
    .parts = 、
hotspot-part = { incidents }{ $count }起
hotspot-earlier = 主要来自以往{ incidents }（占风险{ NUMBER($share, style: "percent") }）。
hotspot-nothing = 暂无相关记录。
outside = 网格之外

over = { $why }现已结束，共持续{ $lasted_s }。
taken_over = { $why }已并入“{ kind }”告警。

seconds = { $count }秒
minutes = { $count }分钟
hours = { $count }小时
days = { $count }天

incidents = { $category ->
    [burglary] 入室盗窃
    [theft] 盗窃
    [fight] 打架斗殴
    [robbery] 抢劫
    [noise] 噪声扰民
    [fire] 火情
    [fraud] 诈骗
    [vandalism] 故意损毁财物
    [dispute] 纠纷
    [traffic] 交通事故
    [lost_property] 物品遗失
    [surge] 人流异常
    [deficit] 人流异常减少
    [dead] 计数失效
    [noise_high] 噪声报警
    [smoke] 烟雾报警
    [heat] 高温报警
    [water] 积水报警
    [door_open] 门未关闭
    [cover_open] 井盖异动
    [camera_fault] 摄像头故障
    [gate_stuck] 道闸故障
    [tamper] 设备拆动
    [stranger_vehicle] 夜间陌生车辆
    [tailgating] 尾随闯闸
    [circling] 车辆徘徊
    [wrong_way] 车辆逆行
    [overstay] 车辆滞留
    [convoy] 陌生车队
    [level_high] 读数异常
    [level_low] 读数异常
    [context] 指标组合异常
   *[other] 警情（{ $category }）
}

## 各类情况的名称和处置建议

kind = { $kind ->
    [surge] 人流或车流异常增多
    [deficit] 人流或车流异常减少
    [dead] 计数设备疑似失效
    [camera_fault] 摄像头故障
    [stranger_vehicle] 夜间陌生车辆
    [tailgating] 尾随闯闸
    [circling] 车辆反复徘徊
    [wrong_way] 车辆逆行
    [overstay] 外来车辆滞留超时
    [convoy] 陌生车队聚集进出
    [gate_stuck] 道闸故障
    [noise_high] 噪声过高
    [smoke] 烟雾报警
    [heat] 高温报警
    [fire] 烟温复合火警
    [water] 积水过深
    [door_open] 门未关闭
    [cover_open] 井盖异动
    [tamper] 设备被破坏或拆动
    [silent] 设备失联
    [feed_lost] 网格监测中断
    [burglary_series] 连续入室盗窃
    [incident_series] 同类警情连发
    [level_high] 读数异常偏高
    [level_low] 读数异常偏低
    [context] 网格多项指标组合异常
   *[other] { $kind }
}
advice = { $kind ->
    [surge] 查看现场视频；如有人群聚集，就近派员到场疏导。
    [deficit] 查看现场视频，核实道路是否受阻、出入口是否关闭、镜头是否被遮挡。
    [dead] 安排人员到现场检查摄像头或计数设备。
    [camera_fault] 通过相邻摄像头查看该区域并通知维保，排除人为遮挡。
    [stranger_vehicle] 查看卡口抓拍画面，安排巡逻人员前往核查车辆。
    [tailgating] 查看卡口抓拍画面，查找尾随车辆并核实来访事由。
    [circling] 通过卡口画面跟踪车辆，安排巡逻人员上前盘查。
    [wrong_way] 注意通行安全，必要时拦停车辆。
    [overstay] 联系物业核实车辆来访对象。
    [convoy] 查看卡口画面，派员到场了解来意。
    [gate_stuck] 通知物业维修，修复前安排专人值守。
    [noise_high] 通过就近摄像头查看现场；如有争吵斗殴，立即派员处置。
    [smoke] 立即通知消防（119）和物业，就近派员协助疏散。
    [heat] 立即核实是否起火，如有疑问先报消防（119）。
    [fire] 立即报消防（119），组织疏散，保持消防通道畅通。
    [water] 封闭积水路段，通知排水部门。
    [door_open] 派员关门并查明开启原因。
    [cover_open] 立即设置警示围挡，防止行人坠落，通知井盖权属单位。
    [tamper] 到现场检查设备，调取周边视频。
    [feed_lost] 先派巡逻人员到场补位，并立即排查该网格的网络和供电。
    [silent] 检查设备供电和网络。
    [burglary_series] 不定时加强该片区步巡，提醒居民防范，检查门窗安全。
    [incident_series] 不定时加强该片区巡逻，研判警情共同点。
    [level_high] 与周边设备比对，如一致则到现场核查。
    [level_low] 与周边设备比对，如一致则到现场核查。
    [context] 查看本网格各路视频，研判几项指标同时变化的原因；单台设备的读数均未超出正常范围。
   *[other] 派员到现场核实情况。
}

## Grafana：面板标题与说明、列名

grafana-folder = PatrolGrid 网格巡防
grafana-dashboard-now = 实时态势
grafana-dashboard-beat = 网格一日
grafana-dashboard-hotspots = 巡逻热点
grafana-dashboard-devices = 设备与数据质量
grafana-dashboard-pipeline = 数据管道
grafana-dashboard-replay = 回放评估
grafana-site = 站点
grafana-beat = 网格
grafana-device = 设备
grafana-alerts = 告警
grafana-dashboards = 看板
grafana-open-alerts = 未解除告警
grafana-anomalies = 异常
grafana-silent-devices = 失联设备
grafana-devices = 设备
grafana-data-quality = 数据质量
grafana-people = 时段内人流
grafana-vehicles = 时段内车流
grafana-people-against-expected = 人流：实际与预期
grafana-vehicles-against-expected-cameras = 车流：实际与预期（摄像头）
grafana-alerts-by-kind = 新增告警（按类型）
grafana-hazards-of-limit = 险情指标：占报警阈值比例
grafana-in = 进
grafana-out = 出
grafana-vehicles-against-expected = 车流：实际与预期
grafana-gates-in-out = 卡口：进出车辆
grafana-people-by-device = 各设备人流
grafana-sensors-of-limit = 传感器：占报警阈值比例
grafana-device-states = 门、井盖、道闸、摄像头状态
grafana-top-cells = 重点格及成因
grafana-see-beat = 查看该网格
grafana-cell-risk = 各格风险走势
grafana-expected-events-by-beat = 各网格每格预期事件数
grafana-late = 迟到
grafana-missing = 缺失
grafana-duplicate = 重复
grafana-silent = 失联
grafana-stuck = 卡死
grafana-quality-over-time = 数据质量：最低与平均
grafana-lowest = 最低
grafana-mean = 平均
grafana-faulty-observations = 迟到、缺失、重复的数据
grafana-silent-and-stuck = 失联与卡死设备数
grafana-clock-skew = 时钟偏差
grafana-slowest = 最慢
grafana-fastest = 最快
grafana-observations-by-beat = 各网格数据量
grafana-behind = 处理滞后
grafana-waiting-for-influxdb = 待写入 InfluxDB
grafana-parts-failing = 故障部件
grafana-in-quarantine = 隔离数据
grafana-refused = 被 InfluxDB 拒收
grafana-dropped = 积压溢出丢弃
grafana-rates = 速率
grafana-observations = 观测
grafana-messages = 消息
grafana-how-far-behind = 滞后
grafana-lag = 滞后
grafana-backlog = InfluxDB 写入积压
grafana-lines = 行数
grafana-age = 最久等待
grafana-quarantine-by-reason = 隔离数据（按原因）
grafana-received-and-stored = 数据：接收与入库
grafana-received = 接收
grafana-stored = 入库
grafana-duplicate-and-late = 重复与迟到的数据
grafana-on = 发生
grafana-found-share = 检出率
grafana-found-by-scenario = 各场景检出
grafana-delay-by-scenario = 各场景平均延迟
grafana-what-really-happened = 真实发生
grafana-what-was-alerted = 系统告警
grafana-anomalies-by-kind = 异常（按类型）
grafana-seen = 实际
grafana-expected = 预期
grafana-usual-from = 常态下限
grafana-usual-to = 常态上限
grafana-band-help = 灰色区域：各设备常态上下限之和；合计值通常远在其内。
grafana-alert-changes = 告警处置记录
grafana-hotspot-map = 热点分布
grafana-map-help = 最新一期热点图，数字为排名；上方为北。
grafana-limit-help = 100% 即报警阈值。
grafana-worst-devices = 设备（质量最差在前）
grafana-see-device = 查看该设备
grafana-rule-no-data = 网格无数据上报
grafana-rule-no-data-help = 某网格 15 分钟内无任何数据。
grafana-rule-node-down = 节点无状态上报
grafana-rule-node-down-help = 节点 5 分钟内未上报运行状态。
grafana-rule-lag = 处理滞后
grafana-rule-lag-help = 处理结果滞后超过 1 分钟。
grafana-rule-backlog = InfluxDB 写入积压
grafana-rule-backlog-help = 待写入数据已等待超过 5 分钟。
grafana-rule-quarantine = 隔离数据激增
grafana-rule-quarantine-help = 5 分钟内隔离数据超过 100 条。
grafana-rule-dropped = 数据被丢弃或拒收
grafana-rule-dropped-help = 积压溢出丢弃数据，或 InfluxDB 拒收数据。
grafana-no = 否
grafana-yes = 是
grafana-column = { $column ->
    [Time] 时间
    [beat] 网格
    [device] 设备
    [kind] 类型
    [severity] 级别
    [state] 状态
    [place] 地点
    [text] 情况
    [cell] 格
    [rank] 排名
    [risk] 风险
    [expected] 预期事件数
    [drivers] 成因
    [quality] 数据质量
    [online] 在线
    [silent] 失联
    [stuck] 卡死
    [missing] 缺失
    [late] 迟到
    [skew_s] 时钟偏差
    [name] 场景
    [found] 检出
    [happened] 发生
    [delay_s] 延迟
   *[other] { $column }
}
severity = { $severity ->
    [critical] 紧急
    [warning] 警告
   *[info] 提示
}
alert-state = { $state ->
    [raised] 待处置
    [acknowledged] 处置中
    [cleared] 已解除
   *[expired] 已过期
}
