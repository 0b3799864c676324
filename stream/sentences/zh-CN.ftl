### 用户看到的全部语句（简体中文）。一种语言一个文件，生成方式见 stream/sentences/__init__.py。
### $..._ms 为时刻，$..._s 为时长；时刻、时长和数字按本语言的习惯显示。
### ODDS：概率“N分之一”中的N（0表示过小，1表示超过一半）；TENS：取整到十的距离；HEADS：计数的均值（0表示几乎没有）；COMPACT：带“万、亿”的数字。

## 发现的情况：异常、告警和热点的语句

surge = { period }{ counted }{ $most ->
    [1] 最多达{ $observed }
   *[0] { $observed }
}{ measure }，{ usual }，{ chance }，自{ $since_ms }起。
deficit = { period }{ $observed ->
    [0] 未统计到{ counted }
   *[other] { counted }{ $most ->
        [1] 最少仅{ $observed }
       *[0] { $observed }
    }{ measure }
}，{ usual }，{ chance }，自{ $since_ms }起。
dead = { $observed ->
    [0] { period }未统计到{ counted }
   *[other] { period }{ counted }{ $observed }{ measure }
}，{ usual }，{ chance }，自{ $since_ms }起。
period = { $period_s ->
    [other] { $period_s }内
   *[none] {""}
}
usual = { HEADS($expected) ->
    [0] 正常几乎为零
   *[other] 正常应为{ HEADS($expected) }{ measure }
}
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

level_high = { reading }{ $observed }{ unit }{ $peak ->
    [other] （最高{ $peak }{ unit }）
   *[none] {""}
}，{ usual-range }，{ chance }，自{ $since_ms }起。
level_low = { reading }{ $observed }{ unit }{ $peak ->
    [other] （最低{ $peak }{ unit }）
   *[none] {""}
}，{ usual-range }，{ chance }，自{ $since_ms }起。
usual-range = { $upper ->
    [other] 正常为{ $lower }至{ $upper }{ unit }
   *[none] 正常应为{ $expected }{ unit }
}
level_stuck = { reading }自{ $since_ms }起一直为{ $observed }{ unit }，毫无变化，而平时有波动。
level_step = { reading }比原先{ toward }{ $by }{ unit }，已持续一天：现为{ $observed }{ unit }，正常应为{ $expected }{ unit }。此后按新水平判断。
level_drift = { reading }在{ $days }天内缓慢{ $higher ->
    [1] 上升
   *[0] 下降
}{ $by }{ unit }：现为{ $observed }{ unit }，正常应为{ $expected }{ unit }。此后按新水平判断。
toward = { $higher ->
    [1] 高
   *[0] 低
}
reading = { $metric ->
    [noise] 噪声
    [smoke] 烟雾浓度
    [temperature] 温度
    [water] 水深
    [humidity] 湿度
    [person] 人数
    [vehicle] 车辆数
   *[other] { $metric }
}
unit = { $metric ->
    [noise] {" dB"}
    [smoke] {" %/m"}
    [temperature] {" °C"}
    [water] {" cm"}
   *[other] {""}
}

threshold = { reading }{ $most ->
    [1] 最高{ $observed }
    [2] 最低{ $observed }
   *[0] { $observed }
}{ unit }，阈值{ $limit }{ unit }，自{ $since_ms }起。
state = { state-what }{ $word ->
    [open] 处于打开状态
    [closed] 处于关闭状态
   *[other] { state-word }
}{ $hold ->
    [0] {""}
   *[other] ，已超过{ $hold }秒
}，自{ $since_ms }起。
state-what = { $kind ->
    [smoke] 烟雾探测器
    [heat] 感温探测器
    [gas] 燃气探测器
    [water] 水浸探测器
    [door_open] 门
    [cover_open] 井盖
    [camera_fault] 画面
    [gate_stuck] 道闸
    [tamper] 防拆开关
   *[other] { kind }（{ $metric }）：
}
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
state-metric = { $metric ->
    [door] 门
    [cover] 井盖
    [barrier] 道闸
    [video] 画面
    [smoke] 烟感
    [heat] 温感
    [gas] 燃气探测器
    [carbon_monoxide] 一氧化碳探测器
    [water] 水浸探测器
    [tamper] 防拆
   *[other] { $metric }
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

never_heard = { $devices }{ $more ->
    [0] {""}
   *[other] 等{ $count }台设备
}已登记在点位文件中，但从未收到其数据。
    .devices = 、
few_words = 总共只收到{ $reports }次，之后已{ $silent_s }未收到数据。
clock_wrong = 设备时钟{ $ahead ->
    [1] 快
   *[other] 慢
}{ $zone ->
    [none] { $off_s }
   *[other] { $hours }小时
}{ $zone ->
    [local] ，可能把本地时间当作UTC发送
    [utc] ，可能把UTC当作本地时间发送
    [other] ，可能时区设置有误
   *[none] {""}
}。其计数照常保存，但不参与研判。{ $setting ->
    [0] {""}
   *[other] 无法校时的，可设置 clock_offset_s = { NUMBER($setting, useGrouping: 0) }。
}
clock_of_node = { $heard }台设备中有{ $count }台的时钟彼此一致，比本站{ $ahead ->
    [1] 快
   *[other] 慢
}{ $off_s }：可能是本站时钟有误。
silent = 已{ $silent_s }未收到数据，正常每{ $usual_s }上报一次。
feed_lost = 本网格{ $heard }台设备中有{ $lost }台失联，该区域目前无法监测。失联设备：{ $devices }{ $more ->
    [0] {""}
   *[other] 等
}。
    .devices = 、
device_fault = { $what ->
    [rate] 该设备每秒上报超过{ NUMBER($limit, useGrouping: 0) }条，{ NUMBER($refused, useGrouping: 0) }条未接收（告警不受影响）。
    [bytes] 该设备每秒发送超过{ NUMBER($limit, useGrouping: 0) }字节，{ NUMBER($refused, useGrouping: 0) }条未接收（告警不受影响）。
    [boots] 该设备每小时重启超过{ NUMBER($limit, useGrouping: 0) }次，{ NUMBER($refused, useGrouping: 0) }条未接收（告警不受影响）。
    [metrics] 该设备上报的指标超过{ NUMBER($limit, useGrouping: 0) }种，{ NUMBER($refused, useGrouping: 0) }条未接收。
    [codes] 该设备上报的{ reading }为{ NUMBER($observed, useGrouping: 0) }，属故障代码或超出可能范围，{ NUMBER($refused, useGrouping: 0) }条未接收。
    [crash] 该设备的一条消息致网关中止，现已跳过并隔离。
    [drops] 该设备的边缘代理因断网期间缓存已满，舍弃了{ NUMBER($refused, useGrouping: 0) }条数据。
    [power] 该设备的边缘代理供电不足，随时可能停机，并可能损坏存储卡。
    [disk] 该设备的边缘代理磁盘将满，仅剩{ NUMBER($refused, useGrouping: 0) } MB。
    [source] 该设备的边缘代理有{ NUMBER($refused, useGrouping: 0) }个数据源中断，所接设备目前无数据。
    [heat] 该设备的边缘代理温度过高，达{ NUMBER($refused, useGrouping: 0) }°C，已自动降频。
    [settings] { $refused ->
        [0] 该设备的边缘代理收到未经本站签名或重复发送的设置，未予采用。
       *[other] 该设备的边缘代理未采用本站下发的第{ NUMBER($refused, useGrouping: 0) }版设置，仍按原设置运行。
    }
    [certificate] { $side ->
        [over] 该设备的边缘代理证书已过期，断线后将无法再连接。
       *[left] 该设备的边缘代理证书将在{ NUMBER($refused, useGrouping: 0) }天后到期。
    }
    [time] 该设备的边缘代理时钟{ $side ->
        [ahead] 快
       *[other] 慢
    }{ NUMBER($refused, useGrouping: 0) }秒。
   *[other] 该设备发送大量无法读取的内容，{ NUMBER($refused, useGrouping: 0) }条仅计数未保存。
}

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
}{ $period_s ->
    [other] ，{ period }合计{ counted }{ $observed }{ measure }，{ usual }
   *[none] {""}
}。{ $place }最为明显：{ $strongest }
    .names = 、
alike = { TENS($metres) }米范围内{ $count }{ devices }：{ $names }{ $more ->
    [0] {""}
   *[other] 等
}。{ $place }：{ $strongest }
    .names = 、
still = { $names }{ $more ->
    [0] {""}
   *[other] 等
}仍在持续；{ $count }台设备中{ $over }台已结束。{ $why }
    .names = 、
comes_and_goes = { $kind ->
    [silent] 设备不稳定：自{ $since_ms }起失联{ $count }次。
    [feed_lost] 网络不稳定：自{ $since_ms }起失联{ $count }次。
    [device_fault] 设备不稳定：自{ $since_ms }起出现{ $count }次。
    [clock_wrong] 设备不稳定：自{ $since_ms }起出现{ $count }次。
   *[other] 反复出现：自{ $since_ms }起{ $count }次。
}{ $why }
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
officer_help = { $officer }请求支援{ $said ->
    [0] 。
   *[other] ：{ $note }
}
hotspot = 附近{ $hours }小时内{ $parts }。
    .parts = 、
hotspot-part = { incidents }{ $count }起
incident-word = { incidents }
hotspot-earlier = 主要来自以往{ incidents }（占风险{ NUMBER($share, style: "percent") }）。
hotspot-mixed = 来自以往多类警情，其中{ incidents }最多（占风险{ NUMBER($share, style: "percent") }）。
hotspot-nothing = 暂无相关记录。

spot = { $place }{ $until ->
    [one] ，{ $from }–{ $until }时
    [other] ，{ $from }–{ $until }时
   *[none] {""}
}：{ $amount }{ $drivers }{ $sure }
spot-amount = { $known ->
    [prior] { spot-more }
    [sensors] { spot-more }
   *[own] 未来四周{ $part ->
        [morning] 的上午
        [midday] 的中午
        [afternoon] 的下午
        [evening] 的晚间
        [night] 的夜间
        [long] 的这一时段
       *[none] {""}
    }预计{ spot-count }{ $times ->
        [1] {""}
       *[other] ，为本网格平常的{ $times }倍
    }。
}
spot-more = 风险较高{ $times ->
    [1] {""}
   *[other] ，为本网格平常的{ $times }倍
}。
spot-count = { HEADS($count) ->
    [0] { spot-incidents }不足0.1起
   *[other] { spot-incidents }{ HEADS($count) }起
}
spot-incidents = { $category ->
    [any] 警情
   *[other] { incidents }
}
spot-sure = { $known ->
    [prior] 仅为初步估计：尚无警情记录。
    [sensors] 仅依据传感器：此处尚无警情记录。
    [young] 历史数据尚少：{ spot-range }。
   *[own] 大致范围：{ spot-range }。
}
spot-range = { HEADS($high) ->
    [0] 不足0.1起
   *[other] { HEADS($low) }至{ HEADS($high) }起
}
place-street-landmark = { $street }（{ $landmark }旁）
place-corner = { $street }与{ $other }路口
place-landmark = { $landmark }附近
place-device = { $device }附近
place-beat = { $beat }{ $direction ->
    [north] 北部
    [north_east] 东北部
    [east] 东部
    [south_east] 东南部
    [south] 南部
    [south_west] 西南部
    [west] 西部
    [north_west] 西北部
   *[middle] 中部
}
outside = 网格之外

late = { $why }迟报{ $late_s }：传输延误，或设备时钟偏慢。
ahead = { $why }所报时间比收到时间超前{ $ahead_s }：设备时钟偏快，或本站时钟偏慢。
odd_unit = { $why }读数单位为“{ $unit }”，系统不识别：按原数值判断。
late_over = { $why }迟报，距发生已{ $late_s }，收到时已结束。
at_work = { $why }该处正在维护（{ $name }），可能由作业引起。
unread = { $why }自{ $since_ms }起无读数，现状不明。
unread_between = { $why }{ $since_ms }至{ $until_ms }之间无读数。
doubled = { $why }{ $kind ->
    [deficit] 已不到上次通知时的一半。
    [dead] 已不到上次通知时的一半。
    [noise_high] 响度比上次通知时增加一倍。
   *[other] 比上次通知时增加一倍。
}
over = { $why }现已结束，共持续{ $lasted_s }。
believed = { $why }{ $by }确认：现状如此，今后视为正常。
taken_over = { $why }已并入“{ kind }”告警。
alert-title = { kind }：{ $place }

seconds = { $count ->
    [0] 不到1秒
   *[other] { $count }秒
}
minutes = { $count }分钟
hours = { $count }小时
days = { $count }天

incidents = { $category ->
    [burglary] 入室盗窃
    [theft] 盗窃
    [fight] 打架斗殴
    [robbery] 抢劫
    [noise] 噪声扰民
    [noise_complaint] 噪声扰民
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
    [gas] 燃气报警
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
   *[other] 警情（{ READABLE($category) }）
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
    [gas] 燃气报警
    [water] 积水过深
    [door_open] 门未关闭
    [cover_open] 井盖异动
    [tamper] 设备被破坏或拆动
    [silent] 设备失联
    [never_heard] 设备从未上报
    [clock_wrong] 设备时钟有误
    [own_clock] 本站时钟有误
    [device_fault] 设备故障
    [level_stuck] 传感器卡死
    [level_step] 读数水平突变
    [level_drift] 读数缓慢漂移
    [feed_lost] 网格监测中断
    [burglary_series] 连续入室盗窃
    [incident_series] 同类警情连发
    [officer_help] 巡逻民警请求支援
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
    [gas] 疏散人员、开窗通风，禁止开关电器和明火，立即报消防（119）并通知燃气公司。
    [water] 封闭积水路段，通知排水部门。
    [door_open] 派员关门并查明开启原因。
    [cover_open] 立即设置警示围挡，防止行人坠落，通知井盖权属单位。
    [tamper] 到现场检查设备，调取周边视频。
    [feed_lost] 先派巡逻人员到场补位，并立即排查该网格的网络和供电。
    [never_heard] 检查设备供电、网络、编号和主题；现场没有该设备的，从点位文件中删除。
    [own_clock] 校准本站节点时钟，最好启用NTP；其间以设备时钟为准，不删除旧数据。
    [clock_wrong] 校准设备时钟和时区，最好启用NTP；其危险告警照常发出。
    [silent] 检查设备供电和网络。
    [level_stuck] 检查传感器是否堵塞、冻结或损坏；修复之前其读数不可信。
    [level_step] 询问传感器是否被移动、清洁或重新设置；无人知情时到现场查看。
    [level_drift] 与其他传感器比对：清洁或校准，或查明现场变化的原因。
    [device_fault] 检查该设备：重启或更正配置；如仍持续，将其断网。
    [burglary_series] 不定时加强该片区步巡，提醒居民防范，检查门窗安全。
    [incident_series] 不定时加强该片区巡逻，研判警情共同点。
    [officer_help] 立即联系该民警并就近派员支援；无人应答时拨打110或120。
    [level_high] 与周边设备比对，如一致则到现场核查。
    [level_low] 与周边设备比对，如一致则到现场核查。
    [context] 查看本网格各路视频，研判几项指标同时变化的原因；单台设备的读数均未超出正常范围。
   *[other] 派员到现场核实情况。
}

## Grafana：面板标题与说明、列名

grafana-folder = 网格巡防
grafana-rules-folder = 网格巡防告警规则
grafana-dashboard-now = 实时态势
grafana-dashboard-beat = 网格一日
grafana-dashboard-hotspots = 巡逻热点
grafana-dashboard-patrols = 巡逻
grafana-dashboard-devices = 设备与数据质量
grafana-dashboard-pipeline = 数据管道
grafana-dashboard-replay = 回放评估
grafana-site = 站点
grafana-beat = 网格
grafana-device = 设备
grafana-alerts = 告警
grafana-open-alerts = 未解除告警
grafana-critical-alerts = 未解除紧急告警
grafana-anomalies = 时段内异常
grafana-silent-devices = 失联设备
grafana-last-word = 节点最后消息距今
grafana-last-word-help = 节点最近一次上报状态距今多久。超过2分钟，则本页各项均不能视为当前情况；未解除告警为最后收到时的状态。
grafana-devices = 设备
grafana-data-quality = 数据质量
grafana-people = 时段内人流
grafana-vehicles = 时段内车流
grafana-people-against-expected = 人流（每5分钟）：实际与预期
grafana-vehicles-against-expected-cameras = 车流（每5分钟）：实际与预期（摄像头）
grafana-alerts-by-kind = 每小时新增告警（按类型）
grafana-hazards-of-limit = 险情指标：占报警阈值比例
grafana-in = 进
grafana-out = 出
grafana-vehicles-against-expected = 车流（每5分钟）：实际与预期
grafana-gates-in-out = 卡口：每15分钟进出车辆
grafana-people-by-device = 各设备人流（每5分钟）
grafana-sensors-of-limit = 传感器：占报警阈值比例
grafana-device-states = 门、井盖、道闸、摄像头状态
grafana-delivered-by = { $tag ->
    [officer] 各民警计划与完成
   *[beat] 各网格计划与完成
}
grafana-delivered-share = 完成时间占计划
grafana-stops-planned = 计划停留点
grafana-stops-done = 已完成停留点
grafana-stops-skipped = 跳过或未到
grafana-planned-and-delivered = 每小时计划与完成分钟数
grafana-stops-over-time = 各民警停留点
grafana-shares = 各网格巡逻占比与警情占比
grafana-shares-help = 时间越久权重越低。巡逻占比高而警情占比低的网格，巡逻多于所需。
grafana-incidents-by = { $tag ->
    [category] 每小时警情（按类别）
   *[provenance] 每小时警情（按来源）
}
grafana-incidents-other = 其他
grafana-top-places = 热点地点：时段、预计数与成因
grafana-see-beat = 查看该网格
grafana-beat-risk = 各网格最高风险（占全站最高值）
grafana-expected-events-by-beat = 各网格每格未来8小时预期事件数
grafana-late = 迟到
grafana-missing = 缺失
grafana-duplicate = 重复
grafana-silent = 失联
grafana-stuck = 卡死
grafana-quality-over-time = 数据质量：最低与平均
grafana-lowest = 最低
grafana-mean = 平均
grafana-faulty-observations = 每15分钟迟到、缺失、重复的数据
grafana-silent-and-stuck = 同时失联与卡死的设备数
grafana-clock-skew = 时钟偏差
grafana-slowest = 最慢
grafana-fastest = 最快
grafana-observations-by-beat = 各网格数据量（每5分钟）
grafana-agents-waiting = 各边缘代理待发数据量（按发言设备）
grafana-agents-disk = 各边缘代理磁盘剩余
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
grafana-quarantine-by-reason = 每15分钟新增隔离数据（按原因）
grafana-received-and-stored = 每分钟数据：接收与入库
grafana-received = 接收
grafana-stored = 入库
grafana-duplicate-and-late = 每分钟重复与迟到的数据
grafana-on = 发生
grafana-found-share = 检出率
grafana-found-by-scenario = 各场景检出
grafana-delay-by-scenario = 各场景平均延迟
grafana-what-really-happened = 真实发生
grafana-what-was-alerted = 系统告警
grafana-anomalies-by-kind = 每小时异常（按类型）
grafana-seen = 实际
grafana-expected = 预期
grafana-usual-from = 常态下限
grafana-usual-to = 常态上限
grafana-band-help = 灰色区域：合计值的常态范围，按各设备误差相互独立计算（平方相加）。预期与范围只含已学到规律的设备，新设备只计入实际值。尚未结束的时段不计入。
grafana-alert-changes = 告警处置记录
grafana-hotspot-map = 热点分布
grafana-map-help = 最新一期热点图，数字为排名；上方为北。
grafana-limit-help = 100% 即报警阈值。
grafana-worst-devices = 设备（质量最差在前）
grafana-see-device = 查看该设备
grafana-rule-no-data = 网格无数据上报
grafana-rule-no-data-help = { $beat }已有 15 分钟没有任何数据。
grafana-rule-any-beat = 所有网格
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
grafana-unit = { $unit ->
    [s] suffix:秒
    [ms] suffix:毫秒
    [m] suffix:分钟
    [ops] suffix:/秒
   *[other] { $unit }
}
scenario = { $name ->
    [crowd_surge] 人群聚集
    [burglary_series] 连续入室盗窃
    [tailgating] 尾随闯闸
    [manhole_open] 井盖被掀开
    [smoke] 冒烟
    [camera_dead] 摄像头失效
    [fire_door_open] 消防门未关
    [stranger_vehicle] 夜间陌生车辆
    [gate_stuck] 道闸卡住
    [fight] 打架
   *[other] { $name }
}
rhythm = { $profile ->
    [school] 学校
    [market] 菜场
    [shifts] 倒班
    [residential] 居住
    [commuter] 通勤
    [nightlife] 夜市
    [office] 办公
    [park] 公园
    [through] 过境
   *[other] { $profile }
}
scenario-does = { $name ->
    [crowd_surge] 某摄像头前几分钟内行人远多于平时。
    [burglary_series] 一刻钟内同一网格有四起入室盗窃报案。
    [tailgating] 一辆车紧跟前车闯过道闸。
    [manhole_open] 井盖被人掀开，敞开数分钟。
    [smoke] 烟感在一分半钟内充满烟雾，附近温度升高。
    [camera_dead] 摄像头不再计数、失去画面，或完全无声。
    [fire_door_open] 消防门被顶开。
    [stranger_vehicle] 夜间有名单外的车辆驶入。
    [gate_stuck] 道闸卡住不动，无人能通过。
    [fight] 几分钟内声音很大，有人围观。
   *[other] { $name }
}
scenario-unit = { $unit ->
    [times] 倍于平时的人数
    [dB] 分贝
   *[other] %/米烟雾
}
simulate-list = 可以触发的情景。算作发现：在涉及的设备上有一条所列类型的告警。
simulate-col-name = 名称
simulate-col-what = 发生什么
simulate-col-to = 发生在
simulate-col-found = 应发现为
simulate-col-strength = 强度
simulate-col-minutes = 分钟
simulate-strength = { $least }–{ $most } { $unit }，通常 { $low }–{ $high }
simulate-minutes = { $low }–{ $high }
simulate-once = 瞬间完成
simulate-beat = 网格
simulate-night = { $what }仅限夜间（22:03–05:30）。
simulate-ordered = { $name }（{ $id }）：{ $time } 在 { $where } 开始，{ $end } 结束。
simulate-refused = { $code ->
    [unknown] 没有情景 { $scenario }。
    [too_late] 时间在一天以后，太远了。
    [by_day] 白天没人在意名单外的车辆：仅限 22:03 至 05:30。
    [no_strength] 该情景只有一种强度。
    [strength] 强度须在 { $least } 到 { $most } 之间。
    [no_minutes] 瞬间完成，没有时长可选。
    [minutes] 时长须在 { $least } 到 { $most } 分钟之间。
    [no_beat] 没有网格 { $id }。
    [no_device] 没有可发生此事的设备 { $id }。
    [other_beat] 设备 { $id } 在另一个网格。
    [busy] 设备 { $id } 上正在发生别的情景，或刚刚结束。
    [nobody] 该网格目前没有可发生此事的设备：请指明一个设备。
    [nowhere] 目前没有可发生此事的设备：夜间没有摄像头前人够多；请指明一个。
   *[other] 无法发生（{ $code }）。
}
simulate-none = { $broker } 上没有接受指令的模拟器：用 `patrolgrid demo` 或 `patrolgrid simulate --order-key FILE` 启动一个。
simulate-unheard = 模拟器 { $seconds } 秒内没有对指令作出答复。
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
    [officer] 民警
    [planned_min] 计划
    [delivered_min] 完成
    [done] 已完成
    [skipped] 跳过
    [share] 巡逻占比
    [reported] 警情占比
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

## 命令行：run

run-broker = 消息代理      127.0.0.1:{ $port }（{ $kind }）
run-board = 态势看板      { $url }
run-data = 数据目录      { $folder }
run-clock = 系统时间      { $time }，{ $speed } 倍速
run-history = 正在生成 { $days } 天历史数据，让模型了解日常规律……
run-again = 已找到上次运行的数据；加 --fresh 可从头开始。
run-login = 请以账号 { $id }（或 { $others }）、密码 { $password } 登录；登录页上有一键登录按钮。
demo-chat-title = 企业微信（演示）
demo-chat-note = 群内本应收到的消息。没有任何内容离开本机。
demo-handed-over = 公交场站的道闸有卡滞，明天十点有人来修。市场关门前请过去走一趟：有人看到两名扒手。
run-chat = 群聊中本应收到的通知：{ $url }
run-stop = 按 Ctrl-C 全部停止。
run-stopping = 正在停止……
run-headless = 运行 { $seconds } 秒……
run-port = 端口 { $wanted } 已被占用，改用 { $port }。
run-died = 有组件意外退出，系统已停止：
run-ended = { $part } 自行退出，{ $wait } 秒后重新启动（第 { $times } 次）。{ $why }
run-loop = { $part } 反复退出（{ $times } 次），此后每半分钟重试一次。{ $why }
run-well = { $part } 已恢复运行。

## 命令行：sum

sum-title = 运行小结
sum-published = 设备发送
sum-lost = 模拟丢包
sum-received = 网关接收
sum-stored = 入库
sum-duplicates = 去除重复
sum-quarantined = 隔离
sum-windows = 统计窗口
sum-anomalies = 异常
sum-alerts = 告警
sum-hotspots = 热点图
sum-latency = 险情到告警 p50 / p99
sum-truth = 场景检出
sum-false = 每设备每日误报
sum-rate = 每秒观测数
sum-of = { $part } / { $whole }
sum-missed = 漏检
sum-none = -

## 命令行：audit、pki

audit-none = 站点 { $site } 没有账号，因此没有审计日志。
audit-whole = 审计日志完整：共 { $count } 条。
audit-broken = 审计日志不完整。
audit-fault-changed = 第 { $number } 条与写入时不同，或与上一条不衔接：被改动、移动或插入过。
audit-fault-foreign = 文件中有不属于本系统的 { $name }（触发器或视图）：它可能删除条目或显示假条目。请查明由谁创建。
audit-fault-missing = 第 { $number } 条之前有缺失。
audit-fault-cut = 第 { $number } 条及其后全部缺失：别处留有该末条。
audit-fault-other = 第 { $number } 条与别处留存的末条不符：日志被重新生成过。
audit-fault-noted = 第 { $number } 条：看板当时发现日志曾被截断、重新生成，或由较旧的副本恢复。
audit-compared = 已与别处留存的以下各条末条核对：{ $heads }。
audit-broker-nothing = 消息代理上没有留存末条：无法据此判断日志末尾是否缺失。
audit-broker-away = 无法读取消息代理上留存的末条，因此日志末尾是否缺失不得而知：{ $error }
audit-head = 审计日志至第 { $head }
audit-col-number = 序号
audit-col-time = 时间
audit-col-by = 何人
audit-col-what = 何事
audit-col-about = 对象
audit-col-detail = 详情
audit-what = { $what ->
    [person-add] 新建账号
    [person-change] 修改账号
    [sign-in] 登录
    [sign-in-refused] 登录被拒
    [sign-in-locked] 登录被锁
    [sign-out] 退出
    [password] 设置密码
    [link-make] 生成链接
    [link-open] 打开链接
    [link-refused] 链接被拒
    [link-revoke] 撤销链接
    [token-make] 生成令牌
    [token-use] 使用令牌
    [token-refused] 令牌被拒
    [token-revoke] 撤销令牌
    [acknowledge] 签收告警
    [clear] 解除告警
    [did] 巡逻回报
    [note] 写值班日志
    [hand_over] 交班
    [take] 接班
    [see] 查看
    [refused] 越权被拒
    [claim] 设备领取了账号
    [claim-refused] 代码被拒绝
    [device-add] 添加设备
    [device-approve] 批准设备
    [device-replace] 更换设备凭据
    [device-retire] 设备退役
    [device-move] 移动设备
    [device-name] 设备改名
    [device-sheet] 生成安装单
    [export] 已导出
    [accept-usual] 认可现状为正常
    [command-refused] 伪造指令，已拒绝
    [simulate] 触发模拟情景
    [whatif] 试用其他设置
    [log-broken] 日志曾被截断或重新生成
   *[other] { $what }
}
pki-none = { $folder } 中还没有证书；请运行 `patrolgrid pki init` 生成。
pki-authority = 已生成本站证书机构 { $file }，有效期至 { $ends }。请将此文件装到每部手机上（方法见 docs/security.zh-CN.md），并在手机上核对指纹：
pki-authority-known = 本站证书机构为 { $file }，有效期至 { $ends }。指纹：
pki-board = 看板证书为 { $file }，有效期至 { $ends }，适用于 { $names }。
pki-settings = 请在看板设置中写入：
pki-issued = { $device } 的证书有效期至 { $ends }：
pki-connect = 设备用该证书连接 { $address }，并用 ca.crt 验证消息代理。
pki-revoked = 已吊销 { $device } 的 { $count } 张证书，不再接受。
pki-list-file = 请把 { $file } 交给消息代理并让其重新读取（SIGHUP）。
pki-no-devices = 还没有设备持有证书。
pki-col-device = 设备
pki-col-serial = 序列号
pki-col-ends = 到期
pki-col-state = 状态
pki-state-revoked = 已吊销：{ $why }
pki-state-over = 已过期
pki-state-days = 还剩 { $days } 天
pki-state-older = 旧证书，仍有效

## 命令行：device

device-added = { $device } 已加入网格 { $beat }，发布主题为 { $topic }
device-account = 它在消息代理上的账号是 { $device }，密码在 { $file }。`patrolgrid device sheet { $device }` 可生成安装人员用的单页。
device-by-hand = 请在消息代理上为它建账号 { $device }：该代理不是 `patrolgrid init` 建立的。
device-bound = { $what } 从现在起属于 { $device }。
device-moved = { $device } 现在属于网格 { $beat }，须改在 { $topic } 上发布（用边缘代理时：修改 edge.toml 中该设备的 `beat`）。
device-named = { $device } 现名为“{ $name }”。
device-replaced = { $device } 原来的凭据已不能接入，已生成新密码；已学到的规律保留。
device-retired = { $device } 已退役：账号已删除，也已从点位文件中移除（`patrolgrid places undo` 可恢复）。
device-sheet = 安装单为 { $file }：用浏览器打开并打印。其中含有机密，打印后请删除。
device-code = 代码 { $code } 只能用一次，有效期至 { $until }。也可不用安装单，直接在设备上执行：
    {"  "}patrolgrid edge claim { $ticket }
device-waiting = 等待批准（`patrolgrid device approve 序号`）：
device-none-waiting = 没有等待批准的设备。
device-by-certificate = 证书
device-by-password = 密码
device-open = 代码未用
device-col-id = 设备
device-col-type = 类型
device-col-beat = 网格
device-col-connects = 接入方式
device-col-days = 剩余天数
device-col-code = 代码
device-col-number = 序号
device-col-codec = 协议方言
device-col-match = 对象
device-col-part = 部分
device-col-guess = 可能是
device-col-via = 由谁听到
device-col-last = 最近听到

## 安装单

sheet-device = 设备
sheet-type = 类型
sheet-beat = 网格
sheet-position = 经度、纬度（WGS 84）
sheet-broker = 消息代理
sheet-plain = 未加密
sheet-topic = 主题
sheet-fingerprint = 本站证书机构指纹（SHA-256）
sheet-code = 一次性代码
sheet-until = 有效期至 { $until }
sheet-step-install = 在设备旁的主机上安装边缘代理。
sheet-step-claim = 扫描二维码，或在该主机上输入下面这一行；代码随即失效。
sheet-step-run = 启动边缘代理。离开前请向站内确认已收到该设备的数据。
sheet-account = 账号（填入设备）
sheet-username = 用户名（也是客户端 ID）
sheet-password = 密码
sheet-by-hand = 现场填写
sheet-installed = 安装人
sheet-date = 日期
sheet-serial = 出厂序列号
sheet-away = 持有此页者即持有代码或密码：请交还站内或销毁。若遗失，请在站内更换该设备的凭据（patrolgrid device replace）。

## 命令行：people

people-added = 已创建账号{ $id }（{ $name }）。
people-changed = 已修改{ $id }。
people-revoked = { $what }已失效。
people-none = 站点{ $site }还没有账号，看板只在本机可用。用`patrolgrid people add`创建第一个。
people-link-password = 打开者可设置一次密码，{ $hours }小时内有效，请当面交付。
people-link-patrol = { $hours }小时内打开者即视为本人。用`patrolgrid people revoke`撤销。
people-link-here = 只能在本机打开。请用--board https://名称:端口 指定手机可访问的看板地址
people-token = 持有此令牌者即视为 { $person }，但只能使用 { $scope }。令牌只显示这一次，请妥善保密。`patrolgrid people revoke` 可将其撤销。
people-col-token = 令牌
people-col-scope = 权限
people-col-used = 最近使用
people-col-for = 用途
people-col-id = 账号
people-col-name = 姓名
people-col-role = 角色
people-col-officer = 巡逻人员
people-col-state = 状态
people-col-addresses = 渠道
people-col-link = 链接
people-col-purpose = 用途
people-col-until = 有效至
people-active = 使用中
people-gone = 已停用
people-for-password = 设置密码
people-for-patrol = 巡逻手机
people-for-alert = 单条告警

## 命令行：topics

plates-rotated = 新密钥 { $id } 已写入 { $file }。车辆不会变成陌生车：{ $days } 天内新旧代号相互关联。
plates-sealed = 新密钥 { $id } 已写入 { $file }。请另存一份，勿与数据放在一起。将下面一行放到边缘设备上：patrolgrid edge --seal-key 文件
plates-key = 密钥 { $id }，自 { $since } 起使用
codec-message = 第 { $number } 条消息：{ $topic }，{ $size } 字节
codec-col-device = 设备
codec-col-type = 类型
codec-col-says = 内容
codec-col-time = 时间
codec-backfill = （补传）
codec-count = { $of ->
    [person] 人
   *[vehicle] 车
}：{ $seconds } 秒内进 { $came }、出 { $went }
codec-status = { $device } 状态：{ $state ->
    [online] 在线
   *[other] 离线
}
codec-refused = 拒收，{ $reason }：{ $detail }
codec-stranger = 未绑定设备；绑定须写：{ $words }（可能是：{ $guess }）
codec-told-retained = 略去 { $times } 次：由消息代理保留，可能早已计过
codec-told-repeat = 略去 { $times } 次：此前已报
codec-told-resent = 略去 { $times } 次：累计值不比上次新
codec-told-reset = 注意 { $times } 次：设备的累计值已清零重计
codec-told-wrap = 注意 { $times } 次：累计值已溢出回绕
codec-told-restart = 注意 { $times } 次：设备已重启
codec-told-jump = 略去 { $times } 次：累计值增长过快，不可能；从此处继续计数
codec-told-gap = 注意 { $times } 次：此前有消息缺失
codec-told-no_news = 略去 { $times } 次：结束、保活等，不是新情况
codec-reply = 应答：HTTP { $status }
codec-nothing = 没有内容：其中没有已绑定的，或是累计值的第一次上报
codec-unbound = 没有内容：没有绑定，请用 --bind 或 --bindings 给出
topics-made = 已创建 { $topic }
topics-same = { $kafka } 上的 { $count } 个主题均符合要求。
topics-col-topic = 主题
topics-col-what = 差异项
topics-col-found = 现状
topics-col-expected = 应为
topics-what-missing = 缺失
topics-what-partitions = 分区数
topics-what-replication = 副本数
topics-do-missing = 缺失的主题：运行 `patrolgrid topics create` 即可创建。
topics-do-partitions = 本命令不改动分区数：请将 kafka.shards 设为现有分区数，或参阅 docs/operations.zh-CN.md。
topics-do-replication = 副本数：请恢复缺少的 Kafka 节点并重新分配分区，或将 kafka.replication 设小。
topics-do-config = 主题配置：使用 kafka-configs.sh --alter --topic TOPIC --add-config KEY=VALUE，或修改 [kafka] 设置。
topics-alter = 现有主题未作任何改动。

## 命令行：gateway

gateway-runs = 网关 { $name }：MQTT 数据写入 Kafka（{ $kafka }）。
gateway-name = --name 为 '{ $name }'，只能使用字母、数字、- 和 _，最长 48 个字符
gateway-locked = 本机已在运行网关 { $name }；请为新网关换一个 --name（{ $error }）

## 命令行：worker

worker-runs = 处理进程 { $name }：从 Kafka（{ $kafka }）读取记录。
worker-name = --name { $name }：只能由字母、数字、“-”和“_”组成
worker-ended = 处理进程自行终止（{ $error }）；请重新启动，数据不会丢失

## 命令行：influx

influx-url = influx.url 未设置：请在 [influx] 中填写，或设置 PATROLGRID_INFLUX__URL
influx-admin = InfluxDB 2 需要管理员令牌：请设置 INFLUX_TOKEN，或用 --admin-token-file 指定文件
influx-made = 已创建
influx-missing = 缺少{"  "}
influx-same = 均已就绪，无需改动。
influx-backfilled = 已向 InfluxDB 补写 { $lines } 行。
influx-expired = 部分数据早于 InfluxDB 的保留期限（{ $count } 批），未能写入；延长保留期限后可重新补写。
influx-downsampled = 已生成 { $days } 天的降采样数据。
influx-token = { $path }：请将 { $key } 设为此文件

## 命令行：grafana

sync-url = grafana.url 未设置：请在 [grafana] 中填写，或设置 PATROLGRID_GRAFANA__URL
sync-token = 缺少 Grafana 令牌：请用 grafana.token_file 指定文件，或设置 PATROLGRID_GRAFANA__TOKEN
sync-create = 已创建
sync-update = 已更新
sync-delete = 已移除
sync-would_create = 将创建
sync-would_update = 将更新
sync-would_delete = 将移除
sync-data-source = 数据源
sync-folder = 文件夹
sync-dashboard = 看板{"  "}
sync-alert-rule = 告警规则
sync-same = Grafana 已是最新，无需改动。
sync-no-places = 找不到 { $path }：地图上没有网格和街道，网格以编号显示。请用 site.places 指定该文件，或在其所在目录运行本命令。
sync-files = 已在 { $path } 下写入 { $count } 个文件

## 命令行：status

status-site = 站点 { $site }：{ $state }
status-running = 运行中
status-stopped = 已停止
status-ended = 退出：{ $part } 连续 { $times } 次自行退出，正在重新启动：{ $why }
status-upto = 数据截至 { $time }
status-totals = 观测 { $observations } 条，窗口 { $windows } 个，异常 { $anomalies } 起，告警 { $alerts } 条（未关闭 { $open } 条）
status-quality = 去除重复 { $duplicates } 条，迟到 { $late } 条
status-rates = 每秒 { NUMBER($rate, maximumFractionDigits: 0) } 条观测，积压 { $lag } 条记录（{ NUMBER($seconds, minimumFractionDigits: 1, maximumFractionDigits: 1) } 秒）
status-training-trained = 网格组合分析：使用{ $time }训练的模型，依据{ $beats }个网格的{ $rows }个时间窗
status-training-none = 网格组合分析：尚无模型（{ $detail }）
status-training-waiting = 正在积累历史数据
status-training-running = 正在训练
status-training-failed = 网格组合分析：模型训练失败，不影响其他功能：{ $detail }
status-budget = 告警预算：每天 { $per_day } 条；今日阈值：{ $odds }；今日已告警 { $raised } 条，压下未报 { $held } 条
status-shipped = 出厂值
status-conflict = 消息代理：另一个客户端在使用网关的客户端标识，双方互相抢占连接。请停止第二个节点，或停止用本数据目录副本启动的节点；并在消息代理上把客户端标识与账号绑定（deploy/mosquitto）。
status-store = 结果库：无法读取结果（{ $error }）。以下内容来自节点写入的 status.json。
status-fault = 故障：{ $part } 异常：{ $why } 处理办法：{ $do }
status-do-store = 告警仍经 MQTT 发出。结果库损坏时会自动移开并重新写入；否则请清理磁盘空间或更正文件属主，运行 `patrolgrid doctor` 可查明原因。
status-do-log = 请清理磁盘空间或更正文件属主。此前不确认任何消息，由消息代理保留；险情不经日志立即告警。
status-do-quarantine = 请清理磁盘空间或更正文件属主。期间被拒收的数据暂存等待。
status-do-snapshot = 请清理磁盘空间或更正 state 目录属主。此前重启耗时会更长。
status-do-mqtt = 请检查消息代理是否运行，以及是否允许节点账号发布告警。
status-do-influx = 请检查 InfluxDB 是否运行；缺失数据稍后补发。
status-do-jsonl = 请为结果文件清理磁盘空间，或更正文件属主。
status-do-broker = 请停止占用网关标识的另一客户端。
status-do-status = 请清理站点目录所在磁盘的空间。
status-do-planning = 民警沿用此前计划，每半分钟重试一次。若持续失败，请查看 node.log。
status-do-other = 请查看 node.log。
status-again = { $part }：正从日志重新生成结果，已到位置 { $position }
status-damaged = 损坏：{ $file } 已于 { $time } 移为 { $kept }（{ $why }）；救回 { $saved } 条；损失：{ $lost }。确认不再需要后请移走，运行 `patrolgrid repair` 可再次尝试救回。
status-forgotten = 消息代理：自启动以来已有 { $times } 次丢失网关的会话，其中排队的消息已丢失。请让它把会话保存在磁盘上（persistence true），并把客户端标识与账号绑定（deploy/mosquitto）。
status-restless = 反复重连的设备：{ $devices }。可能有第二个边缘代理使用同一设备编号（复制了存储卡？），或网络中断：请为每个程序设置独立编号。
status-places = 点位文件：修改后的文件无法使用，仍沿用上一次有效的点位。{ $problem }
status-calendar = 日历：日历文件无法使用，仍沿用上一次有效的内容。{ $problem }
status-clear = 警告：密码或令牌未加密就经过网络：{ $sections }。请使用 TLS（`patrolgrid doctor` 会说明做法）。
status-dialects = 厂商协议，自节点启动以来：
status-quarantine = 隔离区：{ $text }
status-empty = 空
status-devices = 设备
status-agents = 边缘代理
status-strangers = 有{ $count }个来源在发送消息但未绑定设备：用 `patrolgrid device list --waiting` 查看，用 `patrolgrid device approve` 接纳。
status-alerts = 未关闭告警
status-anomalies = 最近异常
status-more = ……另有 { $count } 项（--json 显示全部）
status-col-device = 设备
status-col-beat = 网格
status-col-series = 测量项
status-col-n = 观测数
status-col-in = 进
status-col-out = 出
status-col-quality = 质量
status-col-version = 版本
status-col-heard = 最近报告
status-col-queue = 待发
status-col-dropped = 已舍弃
status-col-trouble = 异常
status-col-time = 时间
status-col-kind = 类型
status-col-severity = 级别
status-col-text = 说明

## 命令行：doctor

doctor-ok = 正常
doctor-warn = 注意
doctor-fail = 故障
doctor-todo = 处理：{ $text }
doctor-python = Python
doctor-packages = 软件包
doctor-settings = 配置
doctor-places = 点位文件
doctor-windows = 时间窗口
doctor-broker = 消息代理
doctor-disk = 磁盘
doctor-clock = 时钟
doctor-zone = 时区
doctor-ports = 端口
doctor-node = 节点
doctor-agents = 边缘代理
doctor-agents-none = 尚无代理报告
doctor-agents-ok = { $count }个均正常
doctor-agents-trouble = 异常：{ $names }
doctor-agents-trouble-do = 各自的告警说明了原因；处理办法见 docs/edge.zh-CN.md
doctor-agents-away = 超过两分钟未报告：{ $names }
doctor-agents-away-do = 请检查代理的供电与网络；期间数据由代理缓存，恢复后补发
doctor-agents-strangers = 有{ $count }个来源在发送消息但未绑定设备：{ $names }
doctor-agents-strangers-do = 用 `patrolgrid device list --waiting` 查看及推测类型，用 `patrolgrid device approve` 接纳
doctor-secrets = 密钥
doctor-reach = 看板
doctor-python-ok = { $version }
doctor-python-old = 版本 { $version } 过低
doctor-python-do = 请安装 Python 3.11 或更高版本
doctor-packages-ok = 节点与看板所需软件包齐全
doctor-packages-edge = 可作边缘设备使用；缺少：{ $names }
doctor-packages-do = 执行 { $command }
doctor-settings-ok = { $file } 无误
doctor-settings-default = 无配置文件，全部使用默认值
doctor-settings-do = 请更正该项；`patrolgrid settings --example` 可查看全部配置及说明
doctor-places-ok = { $file }：网格 { $beats } 个，设备 { $devices } 台
doctor-places-none = 未找到点位文件 { $file }
doctor-places-none-do = `patrolgrid init` 可生成站点目录和示例点位文件；或用 GeoJSON 绘制网格与设备（docs/devices.zh-CN.md），并在 site.places 中填写文件名
doctor-places-do = 请更正文件中的该处；`patrolgrid places check` 可按行列出全部问题
doctor-calendar = 日历
doctor-calendar-ok = { $country } 的节假日；本站条目 { $count } 条
doctor-calendar-until = { $country } 的节假日，调休上班日已知至 { $day }；本站条目 { $count } 条
doctor-calendar-do = 请更正设置或日历文件中的该处（docs/calendar.zh-CN.md）
doctor-calendar-unknown = 其中的编号不在点位文件中：{ $names }
doctor-calendar-unknown-do = 请更正编号：对这些编号，计划不起作用
doctor-calendar-ends = { $country } 的调休上班日仅知至 { $day }
doctor-calendar-ends-do = { $year } 年安排公布后请升级 holidays 软件包，或填写 calendar.worked_days 与 site.holidays，或使用日历文件（docs/calendar.zh-CN.md）
doctor-windows-ok = 窗口长度 { $after } 秒
doctor-windows-other = 设置中的窗口长度为 { $after } 秒，已保存的状态为 { $before } 秒
doctor-windows-other-do = 下次启动时保留基线，并按新窗口重新分配；不保留最近一小时用于发现长时间事件的累计（会立即学习）以及网格的森林模型（数据足够后重新训练）。如需全部保留，请在启动前将 pipeline.window_s 改回 { $before }
doctor-broker-ok = { $host }:{ $port } 已接受连接，用时 { NUMBER($ms, maximumFractionDigits: 0) } 毫秒，所需主题可读可写
doctor-broker-embedded = 内置消息代理：随节点一同启动
doctor-broker-down = { $host }:{ $port }：{ $error }
doctor-broker-down-do = 请启动消息代理（由 `patrolgrid init` 生成时：`systemctl start patrolgrid-broker`；仅试用：`patrolgrid broker`），或更正 broker.host 与 broker.port
doctor-broker-refused = { $host }:{ $port } 拒绝连接：{ $error }
doctor-queue = 消息代理的队列
doctor-queue-ok = 节点离线时，它至少保留 { $kept } 条消息
doctor-queue-embedded = 内置消息代理：节点离线时消息保留在内存中；它自身退出时全部丢失
doctor-queue-short = 给离线客户端的 { $sent } 条消息，它只保留了 { $kept } 条：之后的消息会无声丢失
doctor-queue-dropped = 它报告自启动以来已丢弃 { $dropped } 条消息
doctor-queue-short-do = 请像 deploy/mosquitto/patrolgrid.conf 那样，在消息代理上设置 max_queued_messages 1000000 与 max_queued_bytes 536870912，然后重新启动它
doctor-queue-unknown = 无法测出节点离线时它能保留多少消息：{ $error }
doctor-queue-unknown-do = 请允许节点账号读写 patrolgrid/v1/ 之下的主题（deploy/mosquitto/patrolgrid.acl）
doctor-broker-refused-do = 请检查 broker.username（看板为 board.broker_username）、其密码（mosquitto_passwd）与 TLS 证书文件
doctor-disk-ok = { $folder } 可写，剩余 { $free }
doctor-disk-low = { $folder } 剩余 { $free }，不足 { $need }
doctor-disk-low-do = 请清理磁盘，或调低 log.max_mb 与 log.max_age_days
doctor-disk-bad = { $folder } 无法写入：{ $error }
doctor-disk-bad-do = 请更正目录权限或 data.dir
doctor-files = 文件
doctor-files-ok = { $folder } 中的数据库、快照和记录文件完好
doctor-files-none = { $folder } 中尚无文件
doctor-files-damaged = { $found }
doctor-files-damaged-do = 节点启动或运行时会自动移开损坏文件并继续；也可停止节点后运行 `patrolgrid repair`
doctor-files-passed = { $found }
doctor-files-passed-do = 无需处理：节点不依赖该文件，或会重新写入
doctor-files-rights = 节点（用户 { $user }）无法读写：{ $found }
doctor-files-rights-do = 执行 chown -R { $user } { $folder }；今后请以该用户运行命令，不要用 root
doctor-files-aside = 此前已移开：{ $found }
doctor-files-aside-do = 运行 `patrolgrid status` 可查看救回情况；可停止节点后运行 `patrolgrid repair` 再次尝试，之后请移走
repair-running = 站点 { $site } 的节点正在运行，会自动处理所遇到的损坏；如需进一步修复，请先停止节点
repair-entries = { $file }：已移为 { $kept }（{ $why }）；救回 { $saved } 条；损失：{ $lost }
repair-store = { $file }：已移为 { $kept }（{ $why }）；节点下次启动时将从日志重新写入，日志最早记录时间为 { $time }
repair-other = { $file }：已移为 { $kept }（{ $why }）；节点会新建该文件
repair-left-damaged = 仍有损坏 { $file }：{ $why }
repair-left-rights = { $file } 无法读写（{ $why }）：请将其属主改为节点运行用户后重新运行
repair-good = 修复完成，可启动节点。未删除任何文件。
repair-nothing = 没有损坏。
doctor-clock-ok = { $time }，已与时间服务同步
doctor-clock-unknown = { $time }；本机无法查询时间同步状态
doctor-clock-unknown-do = 请确认有时间同步服务（chrony、systemd-timesyncd）
doctor-clock-loose = { $time }；未与时间服务同步
doctor-clock-bad = 系统时钟显示 { $time }
doctor-clock-bad-do = 请校准时钟：观测数据以它为准
doctor-zone-ok = { $zone }，当地时间 { $time }
doctor-zone-bad = 本机没有时区 { $zone } 的数据
doctor-zone-do = 执行 pip install tzdata，或更正 site.timezone
doctor-ports-ok = 看板端口 { $port } 空闲
doctor-ports-ours = 看板正在使用端口 { $port }
doctor-ports-taken = 看板端口 { $port } 已被占用，将改用下一个空闲端口
doctor-ports-do = 如需固定地址，请设置 board.port
doctor-node-running = 站点 { $site } 的节点正在运行，进程 { $pid }
doctor-node-stopped = 站点 { $site } 的节点未运行
doctor-node-behind = 积压 { $records } 条记录（{ NUMBER($seconds, maximumFractionDigits: 0) } 秒）
doctor-node-behind-do = 请检查本机负载与 node.log
doctor-node-failing = 正在运行，但部分功能异常：{ $parts }
doctor-node-failing-do = 运行 `patrolgrid status` 可查看各项处理办法
doctor-reach-off = 此处没有看板
doctor-reach-alone = 看板仅在本机可达（{ $host }），无账号
doctor-reach-accounts = 访问看板须登录（{ $host }）
doctor-reach-open = 看板将在 { $host } 对他人开放，却没有账号或没有 TLS：因此不会启动
doctor-reach-open-do = 执行 `patrolgrid people add` 与 `patrolgrid pki init`，或设 board.host = 127.0.0.1
doctor-reach-bad-do = 可用 `patrolgrid pki init` 生成证书；或更正 board.tls_cert
doctor-reach-soon = 看板证书还有 { $days } 天到期，且未能自动续期
doctor-reach-over = 看板证书已过期：手机将拒绝访问
doctor-reach-soon-do = 将证书机构私钥 ca.key 放回原处，执行 `patrolgrid pki init`，然后重启看板
doctor-reach-account = 看板的指令使用账号 { $user }，而随附的消息代理配置不允许该账号下达指令
doctor-reach-account-do = 在消息代理上添加账号（mosquitto_passwd … board），并设置 board.broker_username
doctor-deliver = 送达
doctor-deliver-ok = 规则和通道无误：{ $channels }
doctor-deliver-off = 没有通道：告警只在看板上显示并经 MQTT 发出
doctor-deliver-none = [telling] 有规则，但通道文件 { $file } 不存在
doctor-deliver-none-do = 编写该文件（示例见 docs/deliver.zh-CN.md），或删去规则
doctor-deliver-bad-do = 更正通道文件或 [telling] 中的该项
doctor-deliver-silent = { $file } 中有通道，但没有规则：不会告知任何人
doctor-deliver-silent-do = 在 [telling] 的 rules 中写明什么告知谁（docs/deliver.zh-CN.md）
doctor-deliver-stopped = 节点在运行，但送达服务没有运行：不会告知任何人
doctor-deliver-stopped-do = 查看站点目录下的 deliver.log；启动 `patrolgrid up` 或 `patrolgrid deliver run`
doctor-deliver-anew = deliver.db 曾被删除或损坏，已于 { $when } 重建{ $kept ->
        [yes] ：内容没有丢失
       *[no] ：等待发送的消息已丢失，当时未结束的告警已重新告知
    }
doctor-deliver-anew-do = 除送达服务外，不要让任何程序动这个文件（备份请用 `patrolgrid backup`）；查看 deliver.log
doctor-deliver-clear = 密钥以明文经过网络：{ $channels }
doctor-deliver-clear-do = 改用 https 地址
doctor-secrets-ok = 密钥文件仅所有者可读
doctor-secrets-open = { $file } 可被其他用户读取
doctor-secrets-clear = 密码或令牌未加密就经过网络：{ $sections }
doctor-secrets-clear-do = 请使用 TLS：在 [broker]、[kafka] 中设 tls = true，在 [influx]、[grafana] 中使用 https 地址
doctor-secrets-open-do = 执行 chmod 600 { $file }
doctor-secrets-bad = { $error }
doctor-secrets-bad-do = 请从备份恢复；若移走该文件，将生成新密钥，车辆不再能按以前的代号识别
doctor-secrets-missing = { $file } 不存在
doctor-secrets-missing-do = 请创建该文件，或更正 { $key }
doctor-packages-missing = 缺少：{ $names }
doctor-places-gone = { $file } 已不存在；节点沿用上一份可用的点位 { $kept }
doctor-places-gone-do = 请恢复该文件，或将 { $kept } 复制到原处
doctor-places-empty-do = 文件中没有设备：发来的数据都会因设备未知而进入隔离区；请添加设备（docs/devices.zh-CN.md）
doctor-clock-back = 系统时钟显示 { $time }，而节点在 { $newest } 写过数据：时钟被调回过
doctor-disk-names = { $folder }：只能再建 { $count } 个文件（inode 不足）
doctor-disk-names-do = 请清理该磁盘上不需要的文件
doctor-files-folders = 应写入文件的位置是目录：{ $found }
doctor-files-folders-do = 请移走这些目录：否则 `patrolgrid up` 无法启动
doctor-files-lines = 无法写入 { $file }（sinks.jsonl）：结果无法保存到那里
doctor-files-lines-do = 请创建其目录，或更正 sinks.jsonl
doctor-secrets-other = { $file } 仅其属主可读，而节点的用户是 { $user }
doctor-secrets-other-do = 执行 chown { $user } { $file }
doctor-secrets-empty = { $file } 为空
doctor-secrets-tls = [{ $section }] { $error }
doctor-secrets-tls-do = 请更正 [{ $section }] 中的 tls_ca、tls_cert 或 tls_key
doctor-reach-packages-do = “软件包”一项说明了要安装什么
doctor-reach-people-do = 请从备份恢复 people.db：在此之前任何人都无法登录看板
doctor-reach-nobody = 已有账号，但没有一个能确认告警
doctor-reach-nobody-do = 执行 `patrolgrid people add 编号 --role duty`，或重新启用某个账号
doctor-ports-off = 此处没有看板
doctor-ports-address = 无法在 { $host } 上监听：{ $error }
doctor-ports-address-do = 请将 board.host 设为本机地址或 127.0.0.1
doctor-broker-rights = { $host }:{ $port }：账号 { $user } 收不到自己发布的消息：{ $topics }
doctor-broker-rights-do = 请在消息代理上授予该账号这些权限；node 与 board 的权限见 deploy/mosquitto/patrolgrid.acl。然后重启消息代理，或向其发送 SIGHUP
doctor-queue-conf = { $file } 会丢失站点需要的消息：{ $lines }
doctor-queue-conf-do = 请从 deploy/mosquitto/patrolgrid.conf 抄录这些项，然后重启消息代理
doctor-channels = 通道
doctor-channels-off = 没有通道，无需连接
doctor-channels-ok = { $count } 个通道的服务器均可连接（`patrolgrid deliver test` 可发送测试消息）
doctor-channels-away = { $name }：无法连接 { $place }：{ $error }
doctor-channels-away-do = 请检查网络、服务器及该通道的地址；在此之前由 `next` 和其他通道告知
doctor-channels-folder = { $name }：{ $folder } 不是可写的目录
doctor-channels-folder-do = 请为节点的用户创建该目录
doctor-influx = InfluxDB
doctor-influx-off = 未使用
doctor-influx-ok = { $url } 可写入 { $bucket }
doctor-influx-down-do = 请启动 InfluxDB，或更正 [influx] 中的 url、version、bucket、token_file；`patrolgrid influx setup` 可补齐缺少的部分。在此之前结果保存在磁盘上等待，不会丢失
doctor-influx-packages-do = “软件包”一项说明了要安装什么
doctor-grafana = Grafana
doctor-grafana-off = 未使用
doctor-grafana-ok = { $url } 已有 PatrolGrid 的数据源
doctor-grafana-empty = { $url } 有应答，但没有 PatrolGrid 的内容
doctor-grafana-empty-do = 执行 `patrolgrid grafana sync`
doctor-grafana-down-do = 请启动 Grafana，或更正 [grafana] 中的 url、token_file
doctor-grafana-packages-do = “软件包”一项说明了要安装什么
doctor-kafka = Kafka
doctor-kafka-off = 未使用：节点有自己的日志
doctor-kafka-ok = { $address } 上的 { $count } 个主题均符合要求
doctor-kafka-topics = { $address } 上的主题不符合要求：{ $found }
doctor-kafka-topics-do = `patrolgrid topics check` 逐项说明；`patrolgrid topics create` 可创建缺少的主题
doctor-kafka-down-do = 请启动 Kafka，或更正 [kafka]
doctor-kafka-packages-do = “软件包”一项说明了要安装什么
doctor-admission = 接入权限
doctor-admission-none = 消息代理的账号不是由 `patrolgrid init` 建立的
doctor-admission-ok = 设备与程序账号 { $accounts } 个，设备证书 { $count } 张
doctor-admission-rules = { $file } 来自旧版本，缺少：{ $lines }
doctor-admission-rules-do = 移走该文件并运行 `patrolgrid init { $folder }` 重新生成，然后重启消息代理
doctor-admission-bad = 无法查看设备证书：{ $error }
doctor-admission-bad-do = 请从备份恢复该文件
doctor-admission-over = 已过期的设备证书：{ $names }
doctor-admission-soon = 即将到期的设备证书（剩余天数）：{ $names }
doctor-admission-soon-do = `patrolgrid device sheet ID` 可生成代码以领取新证书；手工办理：`patrolgrid pki renew ID`
doctor-admission-revoked = 消息代理使用的吊销清单已过时：{ $file }
doctor-admission-revoked-do = 请把 { $own } 复制到该处并让消息代理重新读取（SIGHUP）：否则已吊销的设备仍能接入
doctor-certificates = 证书
doctor-certificates-none = 未使用证书
doctor-certificates-ok = { $count } 张证书均不会在三周内到期
doctor-certificates-soon = 即将到期的证书（剩余天数）：{ $names }
doctor-certificates-soon-do = 请在到期前续期：到期后将无法连接
doctor-node-starting = 站点 { $site } 的节点正在启动
doctor-node-ended = { $part } 连续 { $times } 次自行退出，正在重新启动：{ $why }
doctor-node-ended-do = 请查看所指的日志以及此处的其他各项
doctor-node-silent = 进程 { $pid } 在运行，但已 { NUMBER($seconds, maximumFractionDigits: 0) } 秒未写状态
doctor-node-silent-do = 请检查磁盘、本机负载与 node.log；结束该进程后会自动重新启动
doctor-warned = 可以运行；有 { $count } 项请留意。
doctor-good = 检查通过，可以运行。
doctor-bad = 有 { $count } 项需要处理。

## 命令行：models

models-none = 尚无设备上报计数或测量数据。
models-semicolon = ；
models-col-device = 设备
models-col-metric = 测量项
models-col-weeks = 周数
models-col-days = 天数 工作日/周六/周日/节假日
models-col-state = 模型
models-col-rare = 百一罕见
models-col-inside = 区间内
models-col-verdict = 校准
models-col-learned = 学习至
models-col-needs = 需关注
models-class-working = 工作日
models-class-saturday = 周六
models-class-rest = 周日与节假日
models-state-judged = 已可判断
models-state-partly = 部分时段数据不足
models-state-young = 数据不足
models-state-unseen = 近期无数据
models-verdict-good = 良好
models-verdict-narrow = 异常偏多
models-verdict-wide = 异常偏少
models-verdict-shifted = 预期偏高或偏低
models-verdict-little = 数据太少
models-needs-stuck = 读数不变，请检查设备
models-needs-unseen = 近期无数据，请检查设备
models-needs-young = 需补充历史：patrolgrid train
models-needs-narrow = 对正常情况也报警
models-needs-shifted = 规律已变，或计数不准
models-needs-wide = 可能漏报
models-needs-missing = 尚未学习{ $classes }
    .classes = 、
models-summary = 共 { $devices } 台设备、{ $series } 个模型：已可判断 { $judged } 个，数据不足 { $young } 个，近期无数据 { $unseen } 个；校准不良 { $wrong } 个，读数不变或缺少某类日期 { $lacking } 个。
models-figures = { $days } 天内 { $windows } 个窗口：达到百分之一罕见程度的占 { NUMBER($rare, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) }，达到二十分之一的占 { NUMBER($rarer, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) }，落在 { NUMBER($band, style: "percent") } 区间内的占 { NUMBER($inside, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) }。
models-anew = 基线自 { $time } 起重新学习（{ $reason }）；执行 `patrolgrid train --from-store` 可恢复原有知识。
models-state = 无法读取已保存的状态：{ $problem }
models-rhythm = { $metric }一周的预期，每格半小时；最高为每时段 { $most }：
models-advice = { $device }，{ $metric }：{ $advice }
models-rush = { $days }{ $begin }至{ $end }
    .days = {"、"}
models-on-working = 工作日
models-on-weekends = 周末
models-on-all = 每天
models-on-0 = 周一
models-on-1 = 周二
models-on-2 = 周三
models-on-3 = 周四
models-on-4 = 周五
models-on-5 = 周六
models-on-6 = 周日
models-rushes = 此处高峰：{ $rushes }；自{ $since }起学习。
    .rushes = {"；"}
models-learnt = 自{ $since }起学习。
models-nothing = 尚未学习。
models-do-well = { $learned }无需处理。
models-do-stuck = 读数不变：请检查传感器。{ $learned }
models-do-unseen = 近期无数据：请检查设备与网络。{ $learned }
models-do-young = { $learned }请执行 `patrolgrid train` 学习历史，或等待两周。
models-do-narrow = 异常偏多：先看它报了什么；如现状即为常态，执行 patrolgrid models --accept { $device }。{ $learned }
models-do-shifted = 预期整体偏离：请查看设备是否移位；如现状即为常态，执行 patrolgrid models --accept { $device }。{ $learned }
models-do-wide = 可能漏报：过去波动比现在大，数周内自动收窄；执行 patrolgrid models --accept { $device } 可立即收窄。{ $learned }
models-do-missing = { $learned }尚未学习{ $classes }，届时以其他日子代替：请执行 `patrolgrid train` 学习历史，或等待。
    .classes = {"、"}
models-accepted = { $device }（{ $metrics }）：{ $by }确认，自 { $time } 起的状况即为常态。
models-accepted-now = 节点的模型立即据此判断，其未结束的告警随之结束。如此后没有任何计数，则被拒绝：patrolgrid quarantine list --site { $site } --reason command
models-accepted-later = 站点 { $site } 的节点已停止：下次启动时据此判断。
models-accepted-kafka = Kafka 上的处理进程将依次据此判断。

## 命令行：CSV 文件

csv-bad = { $file } 中有 { $count } 行未使用：
csv-bad_line = { $file }，第{ $line }行：{ $why }
csv-more_bad = ……另有 { $count } 行

## 命令行：train

train-reading = 学习
train-nothing = 无需学习：{ $known } 个窗口此前均已学过。
train-empty = 无需学习：没有计数或测量窗口。
train-would = 将学习 { $series } 个序列的 { $windows } 个窗口（{ $first } 至 { $last }）；{ $known } 个此前已学过。
train-sent = 已将 { $series } 个序列的 { $windows } 个窗口交给节点（{ $first } 至 { $last }）。
train-known = 跳过 { $known } 个窗口：模型此前已学过（加 --again 可再学一次）。
train-learned = 节点已学习 { $windows } 个窗口。
train-node_known = 另有 { $known } 个窗口节点已学过，未重复学习。
train-refused = 另有 { $count } 个窗口未学习：尚未结束，或被节点拒绝（patrolgrid quarantine counts --site { $site }）。
train-later = 站点 { $site } 的节点已停止：下次启动时学习。
train-kafka = Kafka 上的处理进程将依次学习。
train-not_waited = 节点正在学习。
train-slow = 节点尚未处理完毕，将继续自行处理；`patrolgrid status` 可查看进度。
train-kept = 已放入隔离区：patrolgrid quarantine list --site { $site } --reason history
train-gone = 存储中有 { $count } 个序列因设备不在点位文件中而跳过：{ $devices }

## 命令行：whatif

whatif-progress = 重新运行
whatif-set = { $key } = { $then }，现为 { $now }
whatif-places = 点位文件 { $file }
whatif-models-store = 模型从存储中重新学习
whatif-models-none = 模型未学习任何数据
whatif-span = { $first } 至 { $last }：{ $records } 条记录。
whatif-bounded = 日志保留 { $days } 天（{ $key }），从 { $first } 开始：此前的数据无法重新运行。
whatif-file = 录制文件从 { $first } 开始。
whatif-begun-snapshot = 两次运行均从 { $time } 保存的状态开始。
whatif-begun-store = 此前没有可用的已存状态：两次运行均从 { $time } 开始，模型已从存储中学习 { $windows } 个窗口。
whatif-begun-nothing = 此前没有已存状态，存储中也无可学习的数据：两次运行均从 { $time } 以未学习的模型开始，能说明的很少。
whatif-unusable = 有一个状态无法使用：{ $problem }
whatif-passed = 有 { $count } 条记录无法处理，两次运行均已跳过。
whatif-counts = 现有告警 { $now } 条，改后 { $then } 条：新增 { $new }，消失 { $gone }，不同 { $different }。
whatif-new = 新增
whatif-gone = 消失
whatif-different = 现在
whatif-as-told = 当时
whatif-as-again = 重跑
whatif-as-then = 试验
whatif-same_again = 用同样的记录重跑，得到同一告警。
whatif-not_again = 用同样的记录重跑，没有得到该告警：模型、地点文件或程序已与当时不同。
whatif-not_then = 按试验的设置，没有该告警。
whatif-would = 改后
whatif-because-gone-budget = [因告警限额不发]
whatif-because-gone-joined = [并入另一告警]
whatif-because-gone-unnoticed = [未发现]
whatif-because-new-budget = [现因告警限额不发]
whatif-because-new-joined = [现并入另一告警]
whatif-because-new-unnoticed = [现未发现]
whatif-col-mark = {" "}
whatif-col-raised = 发出
whatif-col-ended = 结束
whatif-col-kind = 类型
whatif-col-device = 设备
whatif-col-text = 内容

## 命令行：listen

listen-begin = 正在接听 { $device }（消息代理 { $broker }）。它应发布到 { $topic }。按 Ctrl-C 结束。
listen-begin-all = 正在接听站点 { $site } 的全部设备（消息代理 { $broker }）；点位文件中有 { $devices } 个设备。按 Ctrl-C 结束。
listen-unknown = 点位文件（{ $file }）尚未登记 { $device }。
listen-no_places = 没有可用的点位文件，因此所有设备均视为未登记：{ $problem }
listen-no_node = 本机没有运行该站点的节点。“入库”指节点将会怎样处理。
listen-trouble = 消息代理不可用：{ $trouble }
listen-places = 点位文件已修改：共 { $devices } 个设备。
listen-quiet = { $seconds } 秒内没有收到 { $device } 的消息。设备开机了吗？能连到消息代理吗？消息代理上有同名账号吗（消息代理日志会写明拒绝了谁）？它发布了消息，还是只连接？
listen-size = { $bytes } 字节
listen-kept = （消息代理保留的旧消息）
listen-label-raw = 原文
listen-label-stored = 入库
listen-label-taken = 接收
listen-label-if = 届时
listen-label-ignored = 未读
listen-label-refused = 拒收
listen-label-note = 注意
listen-label-do = 处理
listen-row = { $row }；{ $when }；{ $number }
listen-why = { $reason }：{ $detail }
listen-missed = 尚无消息：{ $count } 个（{ $devices }）
listen-row-count = 计数：{ $of }，{ $interval } 秒内进 { $in }、出 { $out }
listen-row-gate = 过车：{ $vehicle }，{ $direction }，号牌 { $token }
listen-row-level = 读数：{ $metric } { $value } { $unit }
listen-row-state = 状态：{ $metric } { $word }
listen-when-behind = 时间 { $time }，{ $gone_s }前
listen-when-ahead = 时间 { $time }，比所内时钟超前{ $gone_s }
listen-when-none = 没有时间，按收到时计
listen-number = boot { $boot } 第 { $seq } 号
listen-unnumbered = 未编号
listen-status = 设备状态
listen-health = 边缘代理状况
listen-incident = 警情
listen-command = 看板的操作
listen-did = 民警反馈
listen-repeats = { $count } 个重复，不产生影响
listen-nobody = 此主题无人读取
listen-belongs = 请发布到 { $topic }
listen-beat = 点位文件中没有网格 { $beat }（现有：{ $known }）：请画出该网格，或改正主题
listen-feature = 请将下面一行放入 { $file }，填上真实位置和名称；在此之前其数据不入库：
listen-unit = { $metric }没有“{ $unit }”这种单位：其数值按规则的单位判断
listen-clock-ahead = 设备时钟超前 { $off_s }：请校准（NTP）
listen-clock-behind = 收到时已过去 { $off_s }：设备时钟落后，或发送前等待过久
listen-clock-zone = 恰为 { $hours } 小时，像是时区不对：请改正时区；无法改正时，在其 "overrides" 中写入 { $setting }
listen-col-device = 设备
listen-col-messages = 消息
listen-col-stored = 入库
listen-col-rate = 每分钟
listen-col-clock = 时钟超前
listen-col-refused = 拒收

## 被拒收后怎么办（按原因）

reason-do-json = 请发送完整、未压缩的 UTF-8 JSON
reason-do-type = 请对照 docs/devices.zh-CN.md 核对字段；时间须带时区
reason-do-range = 请对照 docs/devices.zh-CN.md 核对数值；故障时不要用数值代替
reason-do-topic = 请发布到 patrolgrid/v1/站点/网格/设备/obs，一字不差
reason-do-size = 请拆成较小的消息，分多次发送
reason-do-depth = 请发送不嵌套的对象，见 docs/devices.zh-CN.md
reason-do-clock = 请校准设备的时钟和时区（NTP），或在点位文件中填写 clock_offset_s
reason-do-unknown_device = 请在点位文件中登记该设备，网格与主题一致
reason-do-incident = 请对照 docs/devices.zh-CN.md 的“警情”一节
reason-do-command = 请在看板上确认或解除告警：只有看板的操作有效
reason-do-patrol = 请对照 docs/devices.zh-CN.md；停留点须属于当前计划
reason-do-status = 请发送 { "{" }"state":"online"{ "}" } 或 offline
reason-do-history = 无需处理：其余各行已学习
reason-do-sequence = 序号重新开始时，设备须更换 boot
reason-do-batch = 请运行 `patrolgrid doctor`：磁盘有故障，或有别的程序在写日志
reason-do-metrics = 设备只应使用少数固定指标：指标名中不要带数字或时间
reason-do-plate = 请找回本站密钥（`patrolgrid plates keys`），然后 `patrolgrid quarantine replay`
reason-do-quota = 请降低设备的发送频率；其告警照常接收
reason-do-crash = 请连同此条上报给开发者
reason-do-model = 无需处理：沿用原模型，并会重新训练
reason-do-places = 请改正点位文件
reason-do-calendar = 请改正日历文件
reason-do-record = 请检查还有谁在写 Kafka 主题，以及各部分版本是否一致
reason-do-personal = 请在发送方关闭人员和人脸上报：此类内容一律不收
reason-do-xml = 请对照 docs/devices.zh-CN.md；含实体或文档类型的 XML 一律不读
reason-do-auth = 请在设备上填写本所为它生成的账号或令牌
reason-do-birth_missing = 请让节点重发上线消息（Rebirth）或重启它
reason-do-processing = 请连同此条上报给开发者

## 命令行：quarantine

quarantine-empty = 站点 { $site } 的隔离区为空。
quarantine-total = 隔离区共 { $count } 条
quarantine-col-id = 编号
quarantine-col-time = 接收时间
quarantine-col-reason = 原因
quarantine-col-topic = 主题
quarantine-col-detail = 说明
quarantine-col-count = 数量
quarantine-replayed = 已向 { $host }:{ $port } 重发 { $count } 条；可接受的将正常入库，其余会再次隔离。
quarantine-cut = { $count } 条未重发：仅保留了开头部分，或主题不属于设备。

## 命令行：replay

replay-progress = 回放
replay-sent = 已向 { $host }:{ $port } 发送 { $count } 条消息。
replay-catching = 等待节点处理完毕……
replay-status = `patrolgrid status --site { $site }` 可查看详情。

## The command line: plan

plan-shift-of = { $officers }名民警
plan-none = 站点{ $site }尚无班次巡逻计划。请在设置文件的 [patrol] 中填写民警与班次。
plan-of-shift = 班次{ $name }，{ $begin }至{ $end }（计划由{ $solver }生成）
plan-officer = 民警
plan-time = 时间
plan-place = 地点
plan-beat = 网格
plan-kind = 缘由
plan-state = 状态
plan-stop = 点位编号
plan-minutes = 分钟
plan-note = 备注
plan-sum = { $officer }：完成点位{ $done }/{ $stops }，执行{ $delivered }/{ $planned }分钟。
plan-day = 日期
plan-hours = 时段
plan-asked = 需要
plan-there = 在岗
plan-week = { $time }起一周，依据过去{ $days }天的工作量；平均警力
plan-shifts = 班次
plan-served = 以{ $hours }警力小时完成{ NUMBER($share, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) }的工作量
plan-equal = 三班均等、每班{ $officers }人，完成同样工作量需{ $hours }警力小时
stop-risk = 风险最高
stop-committed = 约定点位
stop-minimum = 网格最低要求
stop-exploration = 随机抽取
stop-planned = 待到达
stop-arrived = 已到达
stop-done = 已完成
stop-skipped = 已跳过
stop-missed = 未到
stop-replaced = 已替换

## 命令行：export
export-done = { $rows ->
    [0] 没有该类该时段的记录{ $size ->
        [0] 。
       *[other] ：{ $file } 只有列名。
    }
   *[other] { $rows }行{ export-file }
}
export-file = { $size ->
    [0] {""}
   *[other] ，已写入 { $file }（{ COMPACT($size) }字节）
}
export-unit = {" "}小时
export-stopped = 已停止，{ $file } 保持原样。

## 命令行：backtest、record、edge

backtest-days = 自{ $first_day }起{ $days }天，{ $cells }个网格单元，{ $incidents }起警情
backtest-area = 风险最高的{ NUMBER($share, style: "percent") }区域：覆盖警情{ NUMBER($rate, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) }，PAI { NUMBER($pai, minimumFractionDigits: 2, maximumFractionDigits: 2) }，PEI* { NUMBER($pei, minimumFractionDigits: 2, maximumFractionDigits: 2) }；模型自估{ NUMBER($expects, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) }；若知真实平均风险：{ NUMBER($ceiling, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) }
backtest-baseline-counts-1 = 一年计数
backtest-baseline-counts-2 = 两年计数
backtest-baseline-counts-all = 历年计数
backtest-baseline-density = 核密度
backtest-baseline-promap = ProMap
backtest-baseline-etas = 网格ETAS
backtest-baseline = 风险最高的{ NUMBER($share, style: "percent") }区域：{ NUMBER($rate, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) }，PAI { NUMBER($pai, minimumFractionDigits: 2, maximumFractionDigits: 2) }，PEI* { NUMBER($pei, minimumFractionDigits: 2, maximumFractionDigits: 2) }；{ $told ->
    [better] 预测多覆盖{ NUMBER($by, minimumFractionDigits: 1, maximumFractionDigits: 1) }个百分点（95 %区间：{ NUMBER($low, minimumFractionDigits: 1, maximumFractionDigits: 1) }至{ NUMBER($high, minimumFractionDigits: 1, maximumFractionDigits: 1) }）
    [worse] 预测覆盖较少：{ NUMBER($by, minimumFractionDigits: 1, maximumFractionDigits: 1) }个百分点（95 %区间：{ NUMBER($low, minimumFractionDigits: 1, maximumFractionDigits: 1) }至{ NUMBER($high, minimumFractionDigits: 1, maximumFractionDigits: 1) }）
   *[none] 无差别（{ NUMBER($by, minimumFractionDigits: 1, maximumFractionDigits: 1) }个百分点，95 %区间：{ NUMBER($low, minimumFractionDigits: 1, maximumFractionDigits: 1) }至{ NUMBER($high, minimumFractionDigits: 1, maximumFractionDigits: 1) }）
}
backtest-patrols = { $shifts }个班次，每班{ $officers }人，{ $incidents }起警情
backtest-patrol-way = { $way ->
    [plan] 巡逻计划
    [greedy] 贪心（每分钟覆盖最多）
    [hottest] 贪心（先去风险最高处）
   *[rounds] 各网格平均轮巡
 }：每警力小时覆盖千分之{ NUMBER($covered, minimumFractionDigits: 2, maximumFractionDigits: 2) }起预期警情，实际命中{ $hit }起，每班停留{ NUMBER($stops, maximumFractionDigits: 0) }次
backtest-patrol-against = 计划与{ $way ->
    [greedy] 贪心（每分钟覆盖最多）
    [hottest] 贪心（先去风险最高处）
   *[rounds] 平均轮巡
 }相比：覆盖为{ NUMBER($ratio, minimumFractionDigits: 2, maximumFractionDigits: 2) }倍（{ NUMBER($low, minimumFractionDigits: 2, maximumFractionDigits: 2) }至{ NUMBER($high, minimumFractionDigits: 2, maximumFractionDigits: 2) }），命中为{ NUMBER($hits, minimumFractionDigits: 2, maximumFractionDigits: 2) }倍（{ NUMBER($hits_low, minimumFractionDigits: 2, maximumFractionDigits: 2) }至{ NUMBER($hits_high, minimumFractionDigits: 2, maximumFractionDigits: 2) }）
backtest-patrol-cost = 不可预测的代价为覆盖的{ NUMBER($cost, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) }；小规模算例至少达到最优的{ NUMBER($of_best, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) }，整班达到上界的{ NUMBER($of_bound, style: "percent", maximumFractionDigits: 0) }
backtest-patrol-guess = { $what ->
    [guess_places] 下一个半小时哪里有人停留
   *[guess_next] 被跟随的民警下一站去哪里
 }：观察三十个班次后猜对{ NUMBER($by_order, style: "percent", maximumFractionDigits: 0) }，只知各处到访频次时猜对{ NUMBER($by_visits, style: "percent", maximumFractionDigits: 0) }
backtest-staffing = 三班均等，每班{ $officers }人（首班{ $first }）：{ NUMBER($equal_hours, maximumFractionDigits: 0) }警力小时，完成工作量{ NUMBER($equal_share, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) }
    按预测排班：{ NUMBER($hours, maximumFractionDigits: 0) }警力小时，完成工作量{ NUMBER($share, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) }，少用{ NUMBER($saved, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1) }警力小时
backtest-rows = { $rows }行，缺失{ $missing }行，窗口{ $window }秒
backtest-device = { $device }：{ $rows }行报警
backtest-events = { $events }个事件
backtest-found = 每周误报不超过{ $budget }次：检出{ NUMBER($share, minimumFractionDigits: 3, maximumFractionDigits: 3) }，阈值{ $threshold }
backtest-kind = { $name }：已知{ $events }，检出{ $found }{ $named ->
    [-1] {""}
   *[other] ，正确归类{ $named }
}
backtest-shipped = 出厂阈值：检出{ NUMBER($share, minimumFractionDigits: 3, maximumFractionDigits: 3) }，每周误报{ NUMBER($false, minimumFractionDigits: 2, maximumFractionDigits: 2) }次
record-done = { $file }：{ $messages }条消息，{ $size }字节
edge-lost = 丢失{ $lost }条：{ $spool }：{ $trouble ->
    [none] 暂存已满
   *[other] { $trouble }
  }
edge-plates = { $removed }次过车未带号牌：没有站点公钥（--seal-key）时，号牌不会写入磁盘。请在节点上运行：patrolgrid plates keys > station.seal
edge-settings-unknown = { $file } 中没有设备 { $device }；应为代理发言所用的设备
edge-settings-large = 签名后的设置有 { $size } 字节，最多 { $most } 字节
edge-settings-sent = { $device } 的第{ $version }版设置已送达消息代理；用 `patrolgrid edge settings { $device }` 查看代理是否已采用。
edge-settings-last = { $device }：{ $version ->
    [0] 尚未下发设置
   *[other] 最近下发第{ $version }版设置
}；代理目前采用{ $has ->
    [0] 自己的设置文件
   *[other] 第{ $has }版设置
}。
edge-settings-silent = { $device }：{ $version ->
    [0] 尚未下发设置
   *[other] 最近下发第{ $version }版设置
}；尚无经它发言的代理报告过自己的状况。
edge-settings-problem = 代理未采用下发的设置：{ $problem }
edge-settings-unheard = 消息代理未转发发往 { $topic } 的消息：不允许账号 { $user } 写此主题；deploy/mosquitto 中的访问控制表允许
edge-checked =
    设置可用。
    站点：{ $site }
    消息代理：{ $broker }
    设备：{ $devices }
    数据来源：{ $sources }
    绑定：{ $bindings } 条
edge-claimed = { $device }（网格 { $beat }）已取得消息代理 { $broker } 的账号：
edge-claimed-next = 接着在 { $file } 中写入数据来源和绑定（docs/edge.zh-CN.md），再启动代理：patrolgrid edge run --config { $file }
edge-claimed-known = { $file } 中已有该设备。请重新启动代理，使新账号生效。
edge-done = 已接收{ $taken }条，拒绝{ $refused }条，代理已确认{ $acknowledged }条

## 看板页面及其接口的错误提示；数值由页面填入

language-name = 中文
board-skip-to = 跳到正文
board-loading = 正在加载…
board-cancel = 取消
board-list-comma = 、
board-percent = { $n }%
board-span-s = { $n }秒
board-span-m = { $n }分钟
board-span-hm = { $h }小时{ $m }分
board-span-h = { $n }小时
board-span-d = { $n }天
board-clock-label = 辖区时间
board-clock-simulated = 模拟
board-clock-fast = 模拟 ×{ $speed }
board-clock-replay = 回放
board-link-live = 实时
board-link-connecting = 正在连接…
board-link-stale = { $time }起数据中断
board-link-unheard = 尚无消息
board-link-waiting = 等待数据
board-link-catching_up = 正在追赶
board-link-quiet = 无数据
board-link-disconnected = 无数据
board-link-node_silent = 无数据
board-link-failing = 有故障
board-link-store_error = 无数据
board-link-link_lost = 未连接
board-todo-link_lost = 正在等待看板服务器恢复。请检查网线和看板主机是否开机；恢复前请用电台、电话。
board-todo-node_silent = 正在等待节点重新启动（系统会自动重试）。超过两分钟请技术人员运行 “patrolgrid doctor”；恢复前请用电台、电话。
board-node-alone = 系统不会自动重启节点：请技术人员启动 patrolgrid 服务（或运行 “patrolgrid up”）；恢复前请用电台、电话。
board-todo-disconnected = 正在等待消息服务恢复，恢复后自动继续。超过两分钟请技术人员运行 “patrolgrid doctor”。
board-todo-quiet = 正在等待设备上报。请先检查设备网络的交换机和网线。
board-todo-failing = 请技术人员运行 “patrolgrid status” 查明原因。
board-todo-store_error = 请技术人员运行 “patrolgrid doctor” 查明原因。
board-todo-unheard = 设备应已上报？运行 “patrolgrid listen --all” 可查看收到了什么、为何未被接收。
board-todo-waiting = 超过一分钟请技术人员运行 “patrolgrid doctor”，它会说明缺什么。
board-todo-catching_up = 无需操作，系统会自动追上。
board-delivery-stopped = { $time }起手机收不到任何通知：通知服务已停止，告警只在本页显示，请自行呼叫巡逻。请技术人员运行 “patrolgrid doctor”。
board-delivery-fault = 手机可能收不到通知：通知服务有故障，请自行呼叫巡逻。请技术人员运行 “patrolgrid doctor”。
board-delivery-trouble = { $channels }暂时无法送达，消息正在排队重试，请自行通知相关人员。
board-stale-link_lost = { $time }起连接中断（已{ $span }）。本页显示的是旧信息，正在重新连接…
board-stale-node_silent = { $time }起无数据（已{ $span }）：PatrolGrid节点已停止，不会出现新告警！
board-stale-failing = { $time }起有故障（已{ $span }）：{ $parts }异常，告警可能延迟或缺失，请联系技术人员。
board-places-problem = 点位文件修改后无法使用，仍沿用上一次有效的点位。{ $problem }
board-calendar-problem = 日历文件无法使用，仍沿用上一次有效的内容。{ $problem }
board-damaged = 有文件损坏并已移开（{ $files }），系统已启用新文件。请联系技术人员：运行 “patrolgrid status” 可查看救回情况。
board-stale-disconnected = { $time }起无数据（已{ $span }）：节点与消息服务断开，不会出现新告警！
board-stale-quiet = { $time }起无数据（已{ $span }）：没有设备上报，请检查网络。
board-stale-store_error = { $time }起无数据：无法读取结果（{ $parts }异常），新告警仍会推送到手机，请联系技术人员。
board-stale-unheard = 尚无设备上报；节点已在运行，正在等待。
board-stale-waiting = 正在等待节点的第一批数据…
board-stale-catching_up = 正在追赶积压数据，结果滞后{ $behind }，告警可能延迟。
board-tally-open = 条待处置 · { $taken }条处置中
board-sound-label = 新告警提示音
board-sound-on = 提示音已开
board-sound-off = 提示音已关
board-sound-held = 浏览器暂不允许发声，请点此处
board-language-label = 语言
board-officer-ask = 您的姓名
board-officer-none = 值班民警
board-officer-hint = 姓名会记在您签收、解除的告警上，并保存在本机。
board-door-title = 登录
board-door-demo = 这是演示：值班民警的账号为 { $id }，密码为 { $password }。
board-door-demo_in = 以值班民警身份进入
board-door-demo_as = 以{ $role }身份查看
board-door-id = 账号
board-door-password = 密码
board-door-show = 显示
board-door-hide = 隐藏
board-door-sign_in = 登录
board-door-lost = 没有账号或忘记密码？请系统管理员为您生成个人链接。
board-door-unseen = 当前无人登录，本页不显示任何告警！
board-door-old = 当前密码
board-door-new = 新密码
board-door-password_of = { $name }（{ $id }）的密码
board-door-rule = 至少10个字符。几个只有您会放在一起的词，好记又难猜。
board-door-set = 设置密码
board-door-changed = 密码已设置。
board-door-on = 继续
board-door-instead = 用密码登录
board-door-for = 接收人：{ $name }
board-door-over = 该告警已结束。
board-person-signed_in = 当前登录人
board-person-until = 登录有效至{ $time }
board-person-password = 修改密码
board-person-sign_out = 退出登录
board-person-ends = 登录将于{ $time }到期，届时本页不再显示告警。
board-person-again = 重新登录
board-role-duty = 值班民警
board-role-patrol = 巡逻民警
board-role-engineer = 工程师
board-role-chief = 所长
board-role-partner = 合作单位
board-map-label = 网格、设备与热点地图
board-map-in = 放大
board-map-out = 缩小
board-map-home = 全辖区
board-map-count = { $metric }：{ $seen }，预期{ $expected }
board-map-hotspot = 热点{ $rank } · { $place }
board-map-incident = { $what } · { $time }
board-legend-title = 图例
board-alerts-title = 未结告警
board-alerts-none = 当前没有未结告警。
board-alerts-none_blind = 当前没有未结告警，但{ $total }台设备中有{ $n }台未正常上报。
board-alerts-unknown = 没有实时数据，无法判断是否有告警。
board-alerts-show = 在地图上查看
board-alerts-confidence = 可信度{ $share }
board-alerts-acknowledge = 签收
board-alerts-clear = 解除
board-alerts-taken = { $by }已于{ $time }签收
board-alerts-taken_system = 已签收
board-alerts-ended = 已于{ $time }自行结束，此前无人签收。
board-alerts-seen = 已阅
board-alerts-told = 已通知：{ $channels }
board-alerts-demo_chat = （查看）
board-alerts-untold = 未能通知：{ $channel }（{ $why }）
board-alerts-untold_yet = 正在通知：{ $channel }
board-alerts-pending_acknowledge = 正在签收…
board-alerts-pending_clear = 正在解除…
board-alerts-pending_slow = 已发送，节点尚未确认…
board-alerts-new = 新告警。{ $severity }：{ $kind }，{ $place }
board-channel-wecom = 企业微信
board-channel-dingtalk = 钉钉
board-channel-feishu = 飞书
board-channel-mail = 邮件
board-channel-sms = 短信
board-channel-phone = 电话
board-clear-ask = 处置结果？
board-clear-note = 备注（可不填）
board-clear-handled = 已到场处置
board-clear-false = 误报
board-clear-passed = 已移交
board-clear-do = 解除告警
board-clear-why = 误报原因
board-flood-title = { $kind } × { $n }
board-flood-others = 其他告警
board-flood-beats = { $names }等，另有{ $n }个网格
board-flood-times = { $first }至{ $last }
board-flood-places = { $names }等，另有{ $n }处
board-flood-details = 详情
board-flood-sent = 已发出
board-flood-unfold = 全部展开
board-flood-fold = 收起
board-flood-further = 显示更多（还有{ $n }条）
board-flood-acknowledge = 全部签收（{ $n }条）
board-flood-clear = 全部解除
board-flood-clear_do = 全部解除（{ $n }条）
board-flood-sure = 签收全部{ $n }条告警？此后不再为它们呼叫任何人。
board-flood-sending = 已发出{ $done }/{ $n }条…
board-flood-partly = 已发出{ $done }/{ $n }条。{ $why }
board-flood-taken = 由{ $by }签收
board-flood-ended = 已自行结束，其间无人签收。
board-flood-new = 新增{ $n }条告警。最严重的：{ $severity }：{ $kind }，{ $place }
board-flood-beyond = 另有{ $n }条未结告警：见告警记录
board-hotspots-title = 巡逻热点
board-hotspots-when = { $time }更新，预测未来{ $span }
board-hotspots-hours = { $from }–{ $until }时
board-hotspots-none = 暂无热点。
board-incidents-tab = 警情
board-incidents-lead = 近{ $days }天共{ $n }起警情，最新在前。
board-incidents-map = 近{ $days }天警情
board-provenance-reported = 群众报警
board-provenance-sensor = 传感器发现
board-provenance-patrol_discovered = 巡逻发现
board-patrol-title = 巡逻
board-patrol-page = 巡逻页
board-patrol-alerts = 我的告警
board-patrol-next = 下一停留点
board-patrol-here = 您在此处
board-patrol-my_stops = 我的停留点
board-patrol-no_alerts = 暂无您的告警。
board-patrol-elsewhere = 其他地点还有 { $n } 条未处置告警
board-patrol-no_plan = 目前没有为您安排停留点。最需要到场的地点：
board-patrol-all_done = 全部停留点已完成。
board-patrol-sending = { $state }（尚未确认）
board-patrol-arrived = 到达
board-patrol-done = 完成
board-patrol-note = 备注…
board-patrol-skip = 跳过
board-patrol-skip_ask = 为何跳过此停留点？
board-patrol-help = 求助
board-patrol-help_ask = 需要支援吗？
board-patrol-help_hint = 将立即在所里发出紧急告警，并附上您所在的停留点。
board-patrol-help_send = 发送求助
board-patrol-away = 我被调走
board-patrol-back = 我已返回
board-patrol-sketch = 此处周边街道示意图
board-patrol-way = 距上一停留点约 { $metres } 米，方向：{ $direction }
board-patrol-map = 在手机地图中打开
board-patrol-sun = 日间
board-patrol-night = 夜间
board-patrol-waits = 有 { $n } 条尚未发送。已保存，恢复连接后立即发送。
board-patrol-help_waits = 求助尚未发出！请用电台或电话求助。系统正在不断重试。
board-patrol-help_sent = 所里已收到您的求助（{ $time }）。
board-patrol-refused = 未被接受：{ $why }
board-patrol-links = 巡逻手机
board-patrol-links_hint = 该二维码在一部手机上打开一名民警的页面，有效 14 小时。勿让他人扫码。
board-patrol-links_none = 尚无“巡逻”角色的账号：请用 “patrolgrid people add” 创建。
board-patrol-make = 显示二维码
board-patrol-withdraw = 撤销链接
board-patrol-open_links = { $n } 个有效链接
board-compass-n = 北
board-compass-ne = 东北
board-compass-e = 东
board-compass-se = 东南
board-compass-s = 南
board-compass-sw = 西南
board-compass-w = 西
board-compass-nw = 西北
board-false-nothing = 误报：现场无异常
board-false-ordinary = 误报：正常活动
board-false-weather = 误报：风雨或光线
board-false-animal = 误报：动物
board-false-works = 误报：施工或测试
board-false-device = 误报：设备故障
board-history-csv = 导出表格
board-history-filters = 筛选
board-history-text = 查找：地点、备注、姓名
board-history-days = 日期
board-history-from = 从
board-history-to = 至
board-history-clear = 清除筛选
board-history-more = 显示更多
board-history-range_today = 今天
board-history-range_yesterday = 昨天
board-history-range_days = 近{ $n }天
board-history-range_month = 上月
board-history-range_year = 近一年
board-history-range_all = 全部
board-history-all_severity = 全部
board-history-all_kind = 全部
board-history-all_beat = 全部
board-history-all_device = 全部
board-history-all_state = 全部
board-history-all_person = 任何人
board-history-all_reason = 不限
board-history-found = 共{ $n }条告警
board-history-day_alerts = { $n }条告警
board-history-false = 误报{ $n }条
board-history-none = 这些日期没有告警。
board-history-none_filtered = 这些日期没有符合条件的告警。
board-reason-any = 所有误报
board-reason-nothing = 现场无异常
board-reason-ordinary = 正常活动
board-reason-weather = 风雨或光线
board-reason-animal = 动物
board-reason-works = 施工或测试
board-reason-device = 设备故障
board-history-column_raised = 发出时间
board-history-column_severity = 严重程度
board-history-column_kind = 种类
board-history-column_place = 地点
board-history-column_beat = 网格
board-history-column_device = 设备
board-history-column_text = 情况
board-history-column_state = 状态
board-history-column_by = 处置人
board-history-column_reason = 误报原因
board-history-column_note = 备注
board-history-column_changed = 最后变化
board-history-column_id = 编号
board-skip-called = 被调去处理其他事
board-skip-time = 时间不够
board-skip-access = 无法进入
board-skip-unsafe = 单人不安全
board-skip-quiet = 无需停留
board-menu = 页面
board-page-board = 态势图
board-page-bench = 试验台
board-page-docs = 接口
board-docs-document = 下载 openapi.json
board-docs-search = 按路径或文字查找
board-docs-found = { $n }项操作
board-docs-nothing = 没有符合的操作。
board-docs-right = 需要权限“{ $right }”。
board-docs-everybody = 所有已登录者均可使用。
board-docs-changes = 此操作会改变内容，不在此处试用。
board-docs-try = 试一下
board-docs-asking = 正在查询……
board-docs-took = { $status } · { $ms } 毫秒 · { $size } kB
board-docs-cut = …… 还有 { $count } 个字符
board-docs-body = 发送的内容
board-docs-answer = 答复
board-docs-refused = 拒绝的情况
board-bench-tabs = 试什么
board-bench-tab_scenarios = 情景
board-bench-tab_whatif = 假设分析
board-bench-tab_rhythms = 作息规律
board-bench-no_simulator = 本站点没有模拟器：设备是真实的，无法触发情景。`patrolgrid demo` 可运行一个模拟街区。
board-bench-silent = 模拟器已有一段时间没有消息：目前无法触发情景。
board-bench-happen = 触发情景
board-bench-what = 什么
board-bench-where = 哪里
board-bench-anywhere = 随机
board-bench-in_beat = { $beat }内任意处
board-bench-strength = 强度
board-bench-usual = 通常 { $low }–{ $high }
board-bench-minutes = 分钟
board-bench-after = 几分钟后
board-bench-at_once = 0：从下一分钟起
board-bench-found_as = 应发现为：{ $kinds }
board-bench-by_night = 仅限夜间 22:03 至 05:30。
board-bench-go = 触发
board-bench-sent = 已发送，等待模拟器答复……
board-bench-taken = 将于 { $time } 发生。
board-bench-began = 已于 { $time } 开始。
board-bench-happened = 已发生的情景
board-bench-nothing = 模拟器启动以来尚未发生任何情景。
board-bench-col_state = 状态
board-bench-col_what = 情景
board-bench-col_where = 地点
board-bench-col_began = 开始
board-bench-col_ends = 结束
board-bench-col_by = 来源
board-bench-planned = 待发生
board-bench-running = 尚未发现
board-bench-found = { $span }后发现
board-bench-missed = 漏报
board-bench-ordered = 人为触发
board-bench-ordered_strength = 人为触发，强度 { $strength }
board-bench-chance = 随机
board-bench-tally = { $over } 个中发现 { $found } 个
board-bench-try = 若改设置，会发出哪些告警？
board-bench-try_help = 将若干天的日志并行送入两条处理链：一条按节点现有设置，一条按此处所试的设置。不会改动任何东西。
board-bench-key = 设置
board-bench-now = 现值
board-bench-then = 试用值
board-bench-other = 其他设置
board-bench-models = 模型
board-bench-models_kept = 保持原样
board-bench-models_store = 按结果库重新学习
board-bench-models_none = 全新，如首日
board-bench-places = 点位文件
board-bench-from = 从
board-bench-to = 到
board-bench-span_help = 留空：最近一周，以日志所及为限。
board-bench-begin = 开始
board-bench-cancel = 取消
board-bench-progress = 已完成 { $percent }
board-bench-starting = 正在启动……
board-bench-runs = 保留的结果
board-bench-no_runs = 还没有试过。
board-bench-state_running = 进行中
board-bench-state_done = 完成
board-bench-state_failed = 失败
board-bench-state_cancelled = 已取消
board-bench-state_interrupted = 中断：态势图已停止
board-bench-as_is = 保持原样
board-bench-with_places = 另一点位文件
board-bench-counts = { $from } 至 { $to }：现有 { $now } 条告警，改后 { $then } 条；新增 { $new }，消失 { $gone }，不同 { $different }。
board-bench-begun_snapshot = 两者都从 { $time } 的模型开始。
board-bench-begun_store = 没有那么早的存档：两者先从结果库学习。
board-bench-begun_nothing = 两者都从全新的模型开始：此前没有可学的数据。
board-bench-passed = 有 { $n } 条记录无法处理，已略过。
board-bench-same = 没有告警不同。
board-bench-new = 新增
board-bench-gone = 消失
board-bench-different = 不同
board-bench-would = 改后
board-bench-because_budget = 因告警限额不发
board-bench-because_joined = 并入另一告警
board-bench-because_unnoticed = 未察觉
board-bench-no_place = 不在地图上
board-bench-rhythm_help = 设备在模拟器中的真实作息，与其模型至今所学对照。
board-bench-device = 设备
board-bench-no_rhythms = 这里没有事先知道作息的设备。
board-bench-reading = 正在读取模型所学……
board-bench-not_learnt = 其模型还没有学到什么。
board-bench-learnt_days = 已从 { $working } 个工作日、{ $saturday } 个周六、{ $rest } 个休息日学习。
board-bench-apart = { $days }：所学与真实相差 { $percent }。
board-bench-day_0 = 工作日
board-bench-day_1 = 周六
board-bench-day_2 = 休息日
board-bench-truth = 真实
board-bench-learnt = 所学
board-bench-band = 99% 区间
board-bench-per_window = { $metric }，每 { $minutes } 分钟
board-error-no_rhythm = 没有 { $id } 的模拟作息。
board-bench-map = 差异地图
board-bench-legend_new = 新增：仅改后发出
board-bench-legend_gone = 消失：仅现状发出
board-bench-legend_different = 不同：两种情况都发出
board-error-no_simulator = 本站点没有模拟器在运行。
board-error-no_scenario = 没有情景 { $name }。
board-error-work_failed = 无法启动：{ $detail }
board-error-nothing_to_try = 没有可试的：请改一个设置、模型或点位。
board-page-report = 周报
board-report-print = 打印
board-report-choose = 周
board-report-earlier = ‹ 上一周
board-report-later = 下一周 ›
board-report-pdf = PDF
board-report-html = HTML 文件
board-report-waiting = 正在生成报告……
board-report-newest = 最近的一周
board-report-lost = 无法取得报告。请重新选择一周。
board-error-no_settings = 看板没有得到站点设置，无法生成报告：请用 “patrolgrid up” 或 “patrolgrid board” 启动。
board-error-no_pdf = 这里无法生成 PDF：{ $detail }
board-page-places = 地图
board-places-draw = 绘制
board-places-tab_feature = 要素
board-places-tab_import = 导入
board-places-tab_picture = 底图
board-places-tab_changes = 修改记录
board-places-kind_beat = 网格
board-places-kind_street = 街道
board-places-kind_landmark = 地标
board-places-kind_device = 设备
board-places-undo = 撤销一步
board-places-redo = 重做一步
board-places-help_beat = 依次点击各个角点；再次点击第一个角点或按回车结束。退格键删去一点，Esc 放弃。
board-places-help_street = 沿街道依次点击；再次点击最后一点或按回车结束。退格键删去一点，Esc 放弃。
board-places-help_landmark = 点击它所在的位置。Esc 放弃。
board-places-corner = 角点 { $n }：可拖动；按 Delete 键或右击可删除
board-places-corner_new = 拖动可在此处增加角点
board-places-corner_remove = 删除角点 { $n }
board-places-corners = 角点：每行一个，经度, 纬度
board-places-corners_help = 单位为度（WGS 84）。
board-places-corners_bad = 第 { $n } 行不是经度和纬度
board-places-corners_few = 至少要 { $least } 个角点
board-places-name_en = 英文名称
board-places-name_zh = 中文名称
board-places-id = 编号：用于主题
board-places-id_bad = 字母、数字、- 和 _，最多 48 个，且不与其他网格相同
board-places-id_fixed = 编号不能再改：主题和历史数据都与它关联
board-places-community = 社区
board-places-residents = 居民数
board-places-officers = 民警数
board-places-beat_kept = 网格内有设备：删除前请先把设备移到其他网格。
board-places-remove = 删除
board-places-device_page = 设备页面：状态、账号、退役、更换
board-places-device_new = 来自导入文件，保存时会为它建立账号。
board-places-beat = 所属网格
board-places-stands = 它位于 { $beat }。
board-places-stands_nowhere = 它不在任何网格内。
board-places-lon = 经度
board-places-lat = 纬度
board-places-heading = 朝向：自正北顺时针的度数
board-places-turn_left = 左转 15°
board-places-turn_right = 右转 15°
board-places-none_selected = 点击地图上或列表中的要素，可拖动，也可输入坐标。保存之前不会生效。
board-places-snap = 吸附到相邻的角点和边
board-places-together = 共用的角点一起移动
board-places-site = 站点
board-places-all = 全部要素
board-places-search = 按名称或编号查找
board-places-none_found = 没有这样的要素。
board-places-empty = 地图上还没有任何内容：请绘制网格，或导入文件。
board-places-wrong = 错误
board-places-odd = 可疑
board-places-unwritable = 此处无法修改点位文件：{ $why }
board-places-both = { $name } 期间已被他人修改。
board-places-theirs = 采用对方的
board-places-mine = 保留我的
board-places-met = 期间有人保存了其他修改。您的修改仍在。
board-places-no_changes = 没有改动
board-places-discard = 放弃
board-places-save = 保存
board-places-saved = 已保存为第 { $number } 号修改，节点数秒内生效。
board-places-taken_back = 第 { $number } 号修改已撤销，记为第 { $by } 号。
board-places-by_hand = 直接修改文件
board-places-show = 查看
board-places-is_undone = 已撤销
board-places-undo_change = 撤销
board-places-changes_help = 所有人的修改，最新的在前。每一次都可撤销，之后的修改保留。
board-places-no_news = 还没有人修改过点位。
board-places-older = 更早的
board-places-cancel = 取消
board-places-import_help = 设备清单（CSV：设备编号、类型、名称、经度、纬度、网格），或轮廓、街道、地标（GeoJSON）。编号相同的会被修改，其余为新增。
board-places-import_file = 文件（CSV 或 GeoJSON）
board-places-import_kinds = 应为 .csv、.geojson 或 .json 文件。
board-places-import_example = 删除示例的剩余部分
board-places-import_reading = 正在读取……
board-places-import_would = { $file } 会带来
board-places-import_counts = 新增 { $added }，修改 { $changed }，不变 { $same }，删除 { $removed }
board-places-import_id = 第 { $line } 行：{ $written } 不能用作编号，改为 { $id }
board-places-import_line = 第 { $line } 行：{ $text }
board-places-import_take = 放到地图上
board-places-import_nothing = 它不会带来任何改动。
board-places-picture_help = 把自己的平面图或航拍照片铺在地图下面，不需要在线地图。PNG、JPEG 或 WebP，最大 16 MB。
board-places-picture_file = 图片
board-places-picture_other = 换一张图片
board-places-picture_reading = 正在上传图片……
board-places-picture_shown = 也显示在看板地图上
board-places-picture_points = 用二至四个点对位
board-places-picture_drag = 也可拖动四角；拖动中间的点可整体移动。
board-places-picture_pick = 第 { $n } 点：在图片上点击一处您认得的地方。
board-places-picture_where = 再点击它在地图上的实际位置：网格角点、街道或设备。
board-places-picture_enough = 四个点已足够。
board-places-picture_lay = 对位
board-places-picture_line = 这些点在一条直线上，请另选。
board-places-picture_remove = 移除图片
board-places-picture_corner = 图片的第 { $n } 角
board-places-picture_move = 移动整张图片
board-places-opacity = 浓淡
board-places-beat_has = 面积 { $area } 公顷，{ $n } 台设备
board-places-more = 另有 { $n } 项，请查找
board-places-wrong_count = { $n } 处错误
board-places-odd_count = { $n } 处可疑
board-places-unsaved = { $n } 项改动未保存
board-places-accounts = 已在消息代理上建立 { $n } 个账号。
board-places-import_added = 新增 { $n } 项
board-places-import_changed = 修改 { $n } 项
board-places-import_removed = 删除 { $n } 项
board-places-import_bad = { $n } 项未采用
board-places-picture_pairs = 已有 { $n } 个点
board-page-plan = 巡逻计划
board-page-history = 告警记录
board-theme = 配色
board-theme-dark = 深色
board-theme-light = 浅色
board-keys = 键盘
board-keys-menu = 页面：打开菜单
board-keys-search = 搜索
board-keys-next = 列表下一项
board-keys-previous = 列表上一项
board-keys-print = 打印
board-keys-help = 本帮助
board-keys-page = 打开菜单中的页面
board-keys-on = 启用单键操作
board-keys-close = 关闭
board-plan-print = 打印
board-plan-title = 巡逻计划
board-plan-stops = 各民警停留点
board-plan-shift = { $name } · { $day } { $begin }–{ $end }
board-plan-failed = 无法制定新计划，沿用此前计划，每半分钟重试一次。请告知技术人员：{ $why }
board-plan-made = { $time }制定，{ $solver }
board-plan-audit = 审计日志至 { $head }
board-plan-none = 尚无计划班次。民警与班次在设置的 [patrol] 一节填写。
board-plan-none_officer = 未安排停留点。
board-plan-no_beat = 网格之外
board-plan-done = { $delivered }/{ $planned }分钟
board-plan-arrived = { $time }已到
board-plan-earlier = 此前{ $n }个停留点
board-plan-overdue = 未反馈
board-plan-away = { $time }起临时调离
board-plan-minutes = 已完成{ $delivered }/{ $planned }分钟
board-plan-planned = 计划（分钟）
board-plan-delivered = 完成（分钟）
board-plan-patrol_share = 巡逻占比
board-plan-report_share = 警情占比
board-plan-by_officer = 民警
board-plan-by_beat = 网格
board-plan-staffing = 警力表：各时段所需民警数
board-plan-staffing_help = 标出处警力不足。现有班次每周{ $hours }警时，可承担{ $served }的工作量。
board-plan-staffing_equal = 三班均排需{ $equal }警时。
board-plan-no_staffing = 尚无警力表：请运行 “patrolgrid plan week”。
board-plan-hour = 时
board-plan-asked_there = 需{ $asked }人，在岗{ $there }人
board-plan-asked_all = 所需合计
board-plan-there_all = 在岗
board-plan-shift_line = { $begin }–{ $end }：{ $n }人
board-stopkind-risk = 覆盖风险最多
board-stopkind-committed = 事先约定
board-stopkind-minimum = 网格最低巡逻
board-stopkind-exploration = 随机抽取，供热点图学习
board-stopstate-arrived = 已到达
board-stopstate-done = 已完成
board-stopstate-planned = 待执行
board-stopstate-skipped = 已跳过
board-stopstate-missed = 未到
board-stopstate-replaced = 已改派
board-solver-pyvrp = 最优搜索（PyVRP）
board-solver-search = 搜索算法
board-solver-greedy = 简易算法（贪心）
board-dock-label = 详情
board-dock-close = 收起详情
# 设备：列表与单台页面。
board-page-devices = 设备
board-registry-title = 设备
board-registry-put_in = 加入设备
board-registry-put_in_hint = 立即写入点位文件；站点设有设备账号时，同时在消息代理上建立账号。
board-registry-search = 按名称、编号或网格搜索
board-registry-beat = 网格
board-registry-type = 类型
board-registry-shown = 显示哪些设备
board-registry-all_beats = 所有网格
board-registry-all_types = 所有类型
board-registry-only_all = 全部
board-registry-only_alert = 有告警
board-registry-only_trouble = 有故障
board-registry-only_unheard = 尚未收到
board-registry-col_name = 设备
board-registry-col_type = 类型
board-registry-col_beat = 网格
board-registry-col_state = 状态
board-registry-col_newest = 最近时段
board-registry-col_connects = 接入方式
board-registry-count = 共{ $n }台
board-registry-some = { $all }台中的{ $n }台
board-registry-none = 点位文件中还没有设备。
board-registry-none_found = 没有符合条件的设备。
board-registry-more = 另有{ $n }台：请搜索。
board-accounts-elsewhere = 账号在别处建立
board-accounts-none = 无：此消息代理不核实身份
board-registry-no_way = 尚无账号
board-registry-days = 证书还剩{ $n }天
board-registry-code_out = 已发出代码，有效至{ $time }
board-by-certificate = 证书
board-by-password = 密码
board-registry-waiting = 等待批准
board-registry-waiting_hint = 它们在发送数据，但还不属于任何设备；所发数据不予保存。
board-registry-waits = 可能是：{ $guess } · 由 { $via } 听到 · 最近 { $time }
board-registry-guess_none = 无法判断
board-registry-approve = 批准
board-registry-approve_hint = 它自称 { $who }。
board-registry-as = 作为
board-registry-new = 新设备
board-registry-id = 编号
board-registry-id_hint = 字母、数字、- 和 _：用于主题，也是其账号。
board-registry-type_unknown = 请选择
board-registry-name_en = 英文名称
board-registry-name_zh = 中文名称
board-registry-lon = 经度（WGS 84）
board-registry-lat = 纬度（WGS 84）
board-registry-by_position = 按位置所在
board-registry-place_hint = 不填位置则放在该网格中央。
board-registry-added = { $device } 已加入，发布主题为 { $topic }
board-registry-to_device = 打开其页面
board-registry-close = 关闭
board-registry-unwritable = 此处无法更改：{ $why }
board-registry-unknown = 节点不认识设备 { $id }；其发送内容仍显示在下方。
board-registry-soon = 已写入点位文件。运行中的节点会在几秒内采用，随后本页即会显示。
board-registry-back = 所有设备
board-registry-on_board = 在看板上查看
board-registry-on_map = 在地图上移动
board-registry-where = 位置
board-registry-why = 原因
board-registry-why_hint = 记入审计日志：被盗、损坏、更换……
board-registry-name = 改名
board-registry-named = 名称已更改。
board-registry-move = 移动
board-registry-move_hint = 已学到的内容保留。移到另一网格后须使用另一主题。
board-registry-moved = 现在位于网格{ $beat }。
board-registry-moved_topic = 今后须发布到 { $topic }（使用边缘代理时：edge.toml 中该设备的 beat）。
board-registry-replace = 更换
board-registry-replace_hint = 旧设备的凭据立即失效；新设备需要安装单。已学到的内容保留。
board-registry-replaced = 旧设备已不能接入；已生成新密码。
board-registry-retire = 停用
board-registry-retire_hint = 将移出点位文件并失去账号；已存数据保留。可在地图页撤销。
board-registry-retired = 已停用。
board-registry-sheet = 安装单
board-registry-sheet_hint = 一页，带一次性二维码。此前发出的代码随即失效。
board-registry-sheet_make = 生成安装单
board-registry-hours = 代码有效小时数
board-registry-with_account = 改为用户名和密码：用于不能使用代码的设备
board-registry-code_once = 代码 { $code } 只能用一次，有效至 { $until }。只在此时显示，以后不再显示。
board-registry-account_once = 页面上有设备的密码：打印后输入设备，随即销毁。
board-registry-print = 打印
board-registry-save = 保存页面
board-device-counts = 最近时段
board-device-counted = 收到{ $received }，缺{ $missing }，迟到{ $late }，重复{ $duplicate }
board-device-clock = 时钟
board-device-clock_right = 准确
board-history-title = 历史
board-history-odd = { $n }段异常
board-history-odd_most = { $value }，预期{ $expected }
board-history-odd_more = 另有{ $n }段。
board-history-no_odd = 全部正常。
board-history-no_odd_judged = 能判断的时段均正常。
board-history-all_young = 了解还太少，无法判断是否异常。
board-history-young = { $all }个时段中有{ $n }个仍在学习，无法判断是否正常。
board-history-changes = 状态变化
board-history-no_alerts = 这段时间没有告警。
board-history-all_alerts = 全部告警
board-rhythm-title = 学到的一周规律
board-rhythm-as_of = 截至{ $time }
board-rhythm-none = 没有模型：只有计数和读数才有规律。
board-rhythm-no_state = 节点还没有保存状态；几分钟后会保存。
board-rhythm-too_little = 学到的还不足一天：有了一周的规律才会显示。
board-rhythm-week = 一周各小时的预期
board-rhythm-learnt = 依据：{ $days }。
board-rhythm-days = { $kind }{ $n }天
board-rhythm-unknown = 尚未学到、按其他日子判断：{ $kinds }。
board-rhythm-every_day = 每天
board-rhythm-workdays = 周一至周五
board-rhythm-weekend = 周末
board-rhythm-up_to = { $minutes }分钟最多{ $value }
board-rhythm-no_rush = 没有高峰：没有哪个时刻明显多于前后。
board-rhythm-per = 每{ $minutes }分钟
board-daykind-0 = 工作日
board-daykind-1 = 周六
board-daykind-2 = 周日或节假日
board-heard-title = 刚刚收到
board-heard-now = 正在发送。
board-heard-last = 最近一次 { $time }，{ $span }前。
board-heard-nothing = 近期没有收到它的数据。
board-heard-no_log = 本机没有日志：可用 `patrolgrid listen` 查看。
board-heard-count = { $who }：{ $seconds }秒内进{ $into }、出{ $out }
board-heard-gate = { $vehicle }，{ $direction }
board-heard-level = { $metric }{ $value } { $unit }
board-heard-state = { $metric }：{ $value }
board-heard-status = 自报{ $state }
board-heard-health = 边缘代理报告了自身状况
board-heard-fault = 发送超量，超出部分不予接收
board-heard-taken = 已接收，时间 { $time }
board-heard-backfill = 已接收，事后补发
board-heard-refused = 已拒收：{ $why }
board-heard-more = 另有{ $n }条
board-online-online = 在线
board-online-offline = 离线
board-connects-title = 如何接入
board-connects-topic = 主题
board-connects-account = 账号
board-connects-certificate = 证书
board-connects-code = 代码
board-connects-password_file = 密码（在本站）
board-connects-broker = 消息代理
board-connects-fingerprint = 证书机构，SHA-256
board-connects-plain = 未加密
board-connects-bindings = 代其发送者
board-connects-message = 示例消息
board-connects-copy = 复制
board-connects-copied = 已复制
board-connects-line_publish = 发布（用密码）
board-connects-line_open = 发布
board-connects-line_here = 在本站上发布
board-connects-line_certificate = 发布（用证书）
board-connects-line_status = 报告在线
board-connects-line_post = 像厂商设备那样向边缘代理提交
board-connects-line_listen = 查看它发送了什么
board-connects-line_read = 用接口读取
board-connects-secret = $PASSWORD 和 $TOKEN 代表密钥，此处从不显示：前者由安装单带到设备，后者用 `patrolgrid people token` 生成。
board-connects-no_secret = 不核实身份的消息代理只用于单机演示。
board-state-high = 异常偏高
board-state-low = 异常偏低
board-state-stuck = 读数不变
board-state-step = 水平已持久改变
board-state-drift = 水平逐渐偏移
board-device-tab = 设备
board-device-none = 请在地图上点选设备，或点击告警的地点。
board-device-id = 编号
board-device-standing = 状态
board-device-newest = 最近数据
board-device-quality = 数据质量
board-device-trouble = 异常
board-device-skew = 时钟落后
board-device-agent = 边缘代理
board-device-agent_said = { $version }，{ $time }：待发{ $queue }条
board-device-alerts = 此处告警
board-device-gates = 最近通行
board-device-range = 显示时段
board-device-no_windows = 该时段没有数据。
board-chart-key_seen = 实测
board-chart-key_expected = 预期
board-chart-key_band = 正常范围
board-chart-key_mean = 均值
board-chart-key_range = 最低至最高
board-chart-key_passes = 通行数
board-chart-inout = { $total }（进{ $into }，出{ $out }）
board-chart-expected = 预期{ $value }，正常{ $lower }至{ $upper }
board-chart-range = { $low }至{ $high }
board-chart-open = 本时段尚未结束
board-chart-summary = { $label }：{ $n }个时段，{ $odd }个异常。可用方向键逐个查看。
board-chart-empty = { $label }：该时段没有数据。
board-gate-allowed = 已登记
board-gate-stranger = 未登记
board-gate-unknown = 登记情况不明
board-quality-tab = 数据质量
board-quality-some = { $total }台设备中有{ $n }台需要关注，其告警可信度已降低。
board-quality-unheard = { $total }台设备中有{ $n }台尚无消息。
board-quality-fine = 全部{ $total }台设备上报正常。
board-quality-alerts = 全部{ $total }台设备均有上报，但有{ $n }条未结告警与设备本身有关。
board-quality-old = { $total }台设备现状不明。
board-quality-figures = 收到{ $received } · 缺失{ $missing } · 迟到{ $late }
board-recent-tab = 近24小时
board-recent-lead = 近24小时内有{ $n }条告警发生变化。
board-recent-all = 查看全部告警记录
board-recent-by = { $by }
board-recent-unseen = 无人处置
board-recent-took = 历时{ $span }
board-node-tab = 系统运行
board-node-observations_s = 每秒观测数
board-node-messages_s = 每秒{ $n }条消息
board-node-lag = 滞后
board-node-lag_records = { $n }条待处理
board-node-stored = 已入库
board-node-received = 共收到{ $n }
board-node-duplicates = 重复
board-node-duplicates_note = 已识别并剔除
board-node-late = 迟到
board-node-late_note = 已入库，不发实时告警
board-node-windows = 统计时段
board-node-anomalies = { $n }个异常，{ $alerts }条告警
board-node-quarantined = 已隔离
board-node-uptime = 已运行
board-node-connected = 消息服务已连接
board-node-disconnected = 消息服务断开
board-severity-critical = 紧急
board-severity-warning = 警告
board-severity-info = 提示
board-standing-critical = 紧急告警
board-standing-warning = 警告
board-standing-info = 提示
board-standing-acknowledged = 处置中
board-standing-trouble = 数据异常
board-standing-unknown = 尚无消息
board-standing-outdated = 现状不明
board-standing-normal = 正常
board-lookstate-raised = 待处置
board-lookstate-acknowledged = 已签收
board-lookstate-cleared = 已结束：已解除
board-lookstate-expired = 已结束：超时
board-alertstate-raised = 待处置
board-alertstate-acknowledged = 处置中
board-alertstate-cleared = 已解除
board-alertstate-expired = 自行结束
board-state-surge = 异常偏多
board-state-deficit = 异常偏少
board-state-dead = 无检测
board-state-young = 学习中
board-type-camera = 摄像头
board-type-gate = 车辆道闸
board-type-noise = 噪声传感器
board-type-smoke = 烟雾探测器
board-type-heat = 温度传感器
board-type-water = 水位计
board-type-door = 消防门
board-type-manhole = 井盖
board-type-environment = 环境监测站
board-metric-person = 人数
board-metric-vehicle = 车辆数
board-metric-gate = 通行
board-metric-noise = 噪声
board-metric-smoke = 烟雾
board-metric-temperature = 温度
board-metric-water = 水位
board-metric-door = 门
board-metric-cover = 井盖
board-metric-video = 画面
board-metric-barrier = 栏杆
board-metric-tamper = 防拆
board-unit-noise = dB
board-unit-smoke = %/m
board-unit-temperature = °C
board-unit-water = cm
board-value-open = 开启
board-value-closed = 关闭
board-value-tilted = 倾斜
board-value-ok = 正常
board-value-alarm = 报警
board-value-blocked = 被遮挡
board-value-lost = 丢失
board-value-up = 抬起
board-value-down = 落下
board-value-stuck = 卡住
board-direction-in = 进
board-direction-out = 出
board-direction-unknown = 方向不明
board-vehicle-car = 小客车
board-vehicle-truck = 货车
board-vehicle-bus = 客车
board-vehicle-motorcycle = 摩托车
board-vehicle-bicycle = 自行车
board-vehicle-van = 面包车
board-vehicle-emergency = 应急车辆
board-vehicle-unknown = 车辆
board-trouble-offline = 离线
board-trouble-silent = 无上报
board-trouble-unheard = 尚无消息
board-trouble-stuck = 数值不变
board-trouble-skew = 时钟不准
board-trouble-missing = 数据缺失
board-trouble-late = 数据迟到
board-trouble-duplicate = 重复上报
board-trouble-quality = 数据质量差
board-trouble-agent_away = 代理无消息
board-trouble-agent_drops = 代理舍弃了数据
board-trouble-agent_power = 代理供电不足
board-trouble-agent_disk = 代理磁盘将满
board-trouble-agent_source = 代理数据源中断
board-trouble-agent_time = 代理时钟不准
board-trouble-agent_heat = 代理温度过高
board-trouble-agent_settings = 代理未采用设置
board-trouble-agent_certificate = 代理证书将到期
board-quarantine-json = 非JSON
board-quarantine-type = 类型错误
board-quarantine-range = 数值越界
board-quarantine-topic = 未知主题
board-quarantine-size = 超长
board-quarantine-depth = 嵌套过深
board-quarantine-clock = 时钟错误
board-quarantine-unknown_device = 未登记设备
board-quarantine-incident = 警情无法读取
board-quarantine-command = 指令无法执行
board-quarantine-status = 状态无法读取
board-quarantine-history = 历史数据无法学习
board-quarantine-sequence = 序号错误
board-quarantine-personal = 含个人信息
board-quarantine-xml = XML 无法读取
board-quarantine-auth = 未认证
board-quarantine-birth_missing = 缺少上线消息
board-quarantine-processing = 程序故障
board-quarantine-plate = 加密号牌无法解开
board-quarantine-metrics = 指标过多
board-quarantine-quota = 超出设备配额
board-quarantine-crash = 致程序中止
board-quarantine-record = 记录损坏
board-quarantine-batch = 数据包损坏
board-quarantine-model = 模型无法使用
board-quarantine-places = 点位无法读取
board-quarantine-calendar = 日历无法读取
board-quarantine-patrol = 民警反馈或计划无法使用
board-part-broker = 与消息代理的连接（另一客户端使用了其标识）
board-part-status = 状态文件
board-part-log = 数据日志（磁盘可能已满）
board-part-store = 结果库
board-part-mqtt = 手机告警推送
board-part-snapshot = 状态快照
board-part-quarantine = 隔离区
board-part-jsonl = 结果文件
board-part-influx = 时序数据库
api-about = 可以向本看板查询的内容。答复为 JSON，时间为站点时钟的毫秒时间戳，未知为 null，给人看的文字是“语言 → 文字”的对象。程序使用令牌（patrolgrid people token），见 docs/api.zh-CN.md。
api-bearer = “patrolgrid people token”生成的令牌。
api-lang = 文字和错误的语言。
board-error-unreachable = 无法连接看板服务，未发送，请重试。
board-error-not_found = { $path }不存在。
board-error-wrong_method = { $path }不支持{ $method }。
board-error-internal = 看板内部出错，详情见日志。
board-error-no_store = 暂无结果：节点尚未启动。
board-error-store = 暂时无法读取结果，请重试。
board-error-too_many = 同时打开的页面超过{ $limit }个，请关闭一些后重试。
board-error-no_device = 没有设备{ $id }。
board-error-busy = 正在运行其他任务：请等待，或在试验台取消。
board-error-no_work = 没有该任务；只保留最近十二个。
board-error-no_settings = 态势图不知道站点的设置。
board-error-no_alert = 没有告警{ $id }。
board-error-unknown_parameter = 此处没有参数{ $name }，可用的参数：{ $known }。
board-error-repeated_parameter = 参数{ $name }出现了多次，应只出现一次。
board-error-bad_parameter = { $name }为{ $value }：{ $detail }
board-error-not_together = open 和 hours 只能与 limit 同用；使用其他筛选条件时请去掉。
board-error-foreign = 只接受本看板页面发出的指令。
board-error-not_json = 应为JSON（Content-Type: application/json）。
board-error-bad_body = 请求内容不符合要求：{ $detail }
board-error-no_name = 请先填写姓名。
board-error-too_long = 内容过长：姓名最多64个字，备注最多280个字。
board-error-already_acknowledged = { $by }已签收。
board-error-already_cleared = { $by }已解除。
board-error-already_expired = 该告警已自行结束。
board-error-broker_away = 未发送：与消息服务断开，请稍后重试。
board-error-unconfirmed = 未确认：消息服务没有应答。请先查看告警是否变化，再决定是否重试。
board-error-people = 无法读写账号数据，任何人都不能登录，请联系技术支持。
board-error-signed_out = 请先登录。
board-error-no_right = 您的账号无权进行此操作。
board-error-no_accounts = 本站点还没有账号：用“patrolgrid people add”创建第一个。
board-error-wrong_password = 账号或密码错误。
board-error-locked = 尝试次数过多，请{ $minutes }分钟后再试，或索取个人链接。
board-error-link_forged = 此链接无效，请检查是否复制完整。
board-error-link_expired = 此链接已过期，请索取新链接。
board-error-link_revoked = 此链接已被撤销，请索取新链接。
board-error-link_purpose = 此链接不用于此处。
board-error-link_other = 此链接属于他人，请先退出登录。
board-error-token_unknown = 没有这个令牌。可用 `patrolgrid people token` 生成。
board-error-token_expired = 此令牌已过期。可用 `patrolgrid people token` 生成新的。
board-error-token_revoked = 此令牌已被撤销。
board-error-name_by_hand = 指令以登录账号为准，不接受填写的姓名。
board-error-password_short = 密码太短：至少10个字符。
board-error-password_long = 密码太长：最多200个字符。
board-error-password_easy = 密码太容易猜到：不要用姓名或连续按键，至少包含五种不同字符。
board-error-no_officer = 您的账号未关联巡逻人员。
board-error-no_stop = 您没有停留点{ $id }。
board-error-no_person = 没有账号{ $id }。
board-error-places_changed = { $detail }
board-error-places_wrong = 不能这样改：{ $detail }
board-error-places_file = 点位文件无法读写：{ $detail }
board-error-no_change = { $detail }
board-error-nothing_changed = 没有任何改动。
board-error-wrong_media = 内容类型是 { $media }，应为：{ $known }。
board-error-too_large = 文件太大：最多 { $limit } MB。
board-error-no_picture = 该文件{ $detail }。
board-error-too_old = 该操作已超过一天，不再发送。
board-error-no_link = 没有这条巡逻链接。
board-error-registry = 未执行：{ $detail }
board-error-no_registry = 看板没有站点设置：请用 `patrolgrid device` 增加、移动或停用设备。
board-error-nothing_waits = { $name } 已不在等待中。

## patrolgrid incidents、patrolgrid patrol

incidents-found = 共{ $rows }行：新增{ $new }行，文件内重复{ $twice }行，此前已有{ $known }行。
incidents-sent = { $count }条警情已经由消息代理 { $host }:{ $port } 写入日志。
incidents-none = 站点{ $site }暂无警情。
incidents-col-time = 时间
incidents-col-category = 类别
incidents-col-provenance = 来源
incidents-col-beat = 网格
incidents-col-place = 经度 纬度
incidents-col-id = 编号
incidents-from-reported = 群众上报
incidents-from-sensor = 传感器
incidents-from-patrol_discovered = 巡逻发现
patrol-said = { $officer }：{ $what } { $stop }
patrol-arrived = 已到达
patrol-done = 已完成
patrol-skipped = 已跳过
patrol-help = 请求支援
patrol-away = 被调离
patrol-back = 已归队
patrol-col-minutes = 分钟
patrol-col-beat = 网格
patrol-col-patrol = 巡逻占比
patrol-col-reported = 上报占比
patrol-no-share = 站点{ $site }尚无已执行的巡逻时间。
patrol-share-means = 为近几周的占比，越早的权重越小。巡逻占比远高于上报占比的网格，受到的关注超出群众所反映的情况。

## 送达：消息里说什么

deliver-title = 【{ $severity }】{ $kind }，{ $place }
deliver-exercise = 【演练，非真实警情】{ $title }
deliver-time = { $again ->
    [1] 首次 { $raised_ms }，{ $heard_ms } 再次告警。
   *[0] { $raised_ms } 起。
}
deliver-act = { $act ->
    [again] { $known ->
        [1] 再次告警；此前由{ $had }受理。
       *[0] 再次告警；此前已有人受理。
    }
    [held] 因免打扰时段或现场作业暂缓发送；目前仍未结束。
    [reminder] 催办：尚无人受理。
    [escalation] 尚无人受理，现转请您处理。
   *[other] { $act }
}
deliver-link = 查看并处理：{ $link }
deliver-advice = 处置：{ $advice }
deliver-late = 本消息已延迟：等待了 { $late_s }。
deliver-mark = 编号 { $id }/{ $revision }
deliver-test-title = PatrolGrid 测试消息，无任何警情
deliver-test-mark = 编号 test
deliver-test-words = 本通道工作正常。由站点 { $site } 的命令行发起测试。
deliver-why = { $why ->
    [away] 无法连接
    [hangs] 未按时应答
    [cut] 连接被切断
    [error] 对方服务器故障
    [busy] 对方要求降低发送频率
    [unclear] 对方的应答无法识别
    [refused] 被对方拒绝
    [login] 对方不接受密钥、签名或来源地址
    [fault] 本系统故障
    [newer] 已被更新的消息取代
    [acknowledged] 已有人受理该告警
    [cleared] 告警已结束
    [expired] 告警已结束
    [otherwise] 已由其他通道送达
    [no_channel] 该通道已不再配置
   *[other] { $why }
}
deliver-state = { $state ->
    [waiting] 等待中
    [failed] 失败
    [accepted] 已接收
    [delivered] 已送达
   *[dropped] 无需再发
}
deliver-do = { $why ->
    [away] 检查地址和端口，以及本机是否允许访问该处（不使用代理）
    [hangs] 检查本机是否允许访问该处，以及对方服务器在等待什么
    [cut] 检查对方服务器的协议与设置是否一致（是否使用 TLS）
    [error] 查看对方服务器；系统会自动重试
    [busy] 调低该通道的 per_minute，或减少发往它的消息
    [unclear] 检查地址是否为服务本身，而不是代理或登录页面
    [refused] 查看对方的说明；更正通道设置或群机器人的规则
    [login] 检查通道文件中的 key、token 和 secret，以及群机器人允许的地址或关键词
   *[fault] 请反馈给我们
}
deliver-none = 没有通道：{ $file } 不存在。示例见 docs/deliver.zh-CN.md。
deliver-runs = 送达服务运行中：{ $channels }。按 Ctrl-C 结束。
deliver-running = 送达服务正在运行。
deliver-stopped = 送达服务未运行：没有人会收到消息。请用 `patrolgrid up` 或 `patrolgrid deliver run` 启动。
deliver-no_rules = 没有告知规则，任何人都不会收到消息（[telling] 的 rules 为空）。
deliver-mute = 静默 { $number }：{ $only }，至 { $until }，由 { $by } 设置：{ $why }
deliver-muted = 已静默至 { $until }（编号 { $number }）；届时仍未结束的会告知。
deliver-unmuted = 静默 { $number } 已结束；其间暂缓且仍未结束的现在告知。
deliver-over = 超出可处理量
deliver-test-ok = { $channel }：已接收（{ $said }）
deliver-test-bad = { $channel }：{ $why }（{ $said }）；处理：{ $todo }
deliver-clear = { $channel }：其密钥以明文经过网络；请使用 https
deliver-nothing = 尚未发送过任何消息。
deliver-col-alert = 告警
deliver-col-channel = 通道
deliver-col-state = 状态
deliver-col-when = 时间
deliver-col-why = 原因
deliver-col-kind = 类型
deliver-col-where = 内外
deliver-where-inside = 内网
deliver-where-outside = 外网
deliver-col-waits = 等待
deliver-col-next = 后备
deliver-col-person = 人员
deliver-col-messages = 消息数（24 小时）
deliver-col-hours = 在岗小时
deliver-col-rate = 每小时
deliver-col-critical = 紧急
deliver-col-budget = 负荷

## `patrolgrid init` 和 `patrolgrid places`

init-file-settings =
    本站设置，由 `patrolgrid init` 生成。路径相对于本文件。其余各项取默认值：
    `patrolgrid settings --example` 列出全部，含义见 docs/settings.zh-CN.md。
init-section-site = 本站点；点位在 places.geojson 中。
init-section-data = 日志、结果和快照的位置；密钥在旁边的 data.keys 中。
init-section-broker = 本机的 Mosquitto，账号在 mosquitto/ 中。
init-section-board = 人员查看的看板，及其在消息代理上的专用账号。
init-example-beat = 网格：边界是一圈 [经度, 纬度]，末点与首点相同。请画出自己的网格，并填写居民数和警力。
init-example-street = 街道：热点和停留点以它命名，巡逻沿它行进。
init-example-landmark = 地标：当地人人都知道的地点。
init-example-camera = 统计行人或车辆的摄像头。id 写在主题中，也是它在消息代理上的账号；beat 填网格的 id。
init-example-gate = 车辆道闸：每次通行一条消息；号牌在写盘之前换成代号。
init-example-noise = 噪声传感器：单位分贝。在 "type" 旁加 "overrides" 可改阈值。
init-example-smoke = 烟感探测器：烟雾浓度（%/m）或 alarm。用 "overrides" 写明 room，同一房间的烟雾加高温即为火情。
init-example-heat = 感温探测器：温度，单位°C。
init-example-water = 水位，单位厘米。
init-example-door = 门：open（开）或 closed（关）。
init-example-manhole = 井盖：open（开）或 closed（关）。
init-example-environment = 其他测量设备：由模型学习正常范围。
init-ask-site = 站点编号，用于主题和文件名（字母、数字、- 和 _）
init-ask-name = 站点名称
init-ask-timezone = 时区
init-ask-country = 采用哪国节假日（国家代码；- 为不采用）
init-ask-at = 所在位置：经度,纬度
init-ask-address = 本机在所内网络中的地址，供设备和手机访问（- 为仅限本机）
init-ask-chief = 第一个账号：编号 姓名
init-chief = chief 所长
init-nothing = { $folder } 中已全部就绪，未做任何更改。
init-kept = { $file } 已经存在，不会被覆盖，{ $options } 不起作用。请直接修改该文件，或先将它移走（docs/setup.zh-CN.md）。
init-made = 已在 { $folder } 中为站点 { $site }（时区 { $zone }）生成：
init-broker-told = 消息代理已读取新账号。
init-root = 本次以 root 执行，站点也将以 root 运行。建议另建一个专用用户，以该用户执行 `patrolgrid init`。
init-next = 接下来：
init-step-start = 正式运行，用 systemd（需 root）：
init-step-try = 或者仅试运行，在两个终端中执行：
init-step-trust = 让浏览器、手机和设备信任此文件（docs/security.zh-CN.md）：
init-step-sign-in = 打开此页面，设置密码后进入（链接24小时内有效）：
init-step-doctor = 检查是否一切正常：
init-step-device = 让示例中的第一台设备上报一次，在看板上查看：
init-step-people = 为每位民警建账号，并得到设置密码的链接：
init-step-places = 把自己的设备导入点位文件；每台设备会得到一个消息代理账号：
places-line = { $file } 第{ $line }行
places-wrong = 错误
places-odd = 可疑
places-odd-crosses = 网格{ $beat }的边界自相交叉
places-odd-overlap = 网格 { $beat } 和 { $other } 重叠 { $area } 平方米，最宽处 { $metres } 米
places-odd-gap = 网格 { $beat } 和 { $other } 之间有 { $area } 平方米的空隙，最宽处 { $metres } 米
places-odd-account = 设备不能叫{ $device }：消息代理上同名账号另有权限
places-odd-outside = 设备{ $device }位于所属网格{ $beat }之外{ $metres }米
places-odd-elsewhere = 设备{ $device }位于所属网格{ $beat }之外{ $metres }米，在网格{ $other }内
places-odd-example = 仍有{ $count }个要素来自示例：`patrolgrid places import 文件 --without-example` 可将其删除；已改成自己的，请去掉其中的 "explained"
places-odd-login = 设备{ $device }在消息代理上没有账号；`patrolgrid init { $folder }` 可建立
places-has = { $beats }个网格、{ $devices }台设备、{ $streets }条街道
places-first = 请先改正 { $file }
places-id = “{ $written }”不能用作编号（只能用字母、数字、- 和 _）；其主题和账号中的编号为 { $id }
places-import = 新增{ $added }，修改{ $changed }，不变{ $same }
places-gone = 已随示例删除：{ $names }
places-written = 已写入 { $file }，运行中的节点数秒内生效；`patrolgrid places undo { $number }` 可撤销。
places-changes-number = 编号
places-changes-at = 时间
places-changes-by = 何人
places-changes-what = 内容
places-changes-none = 还没有人修改过点位文件
places-undone = 第 { $number } 号修改已撤销，记为第 { $by } 号。运行中的节点数秒内生效。
place-nobody = 手工
place-change = { $what ->
    [device-add] 新增
    [device-approve] 批准接入
    [device-move] 移动
    [device-name] 改名
    [device-bind] 绑定
    [device-retire] 退役
    [import] 从 { $file } 导入
    [edit] 在地图上修改
    [by-hand] 直接改了文件
    [undo] 撤销第 { $number } 号修改
   *[other] { $what }
}
place-changed = { $did }：{ $features }{ $more ->
    [0] { "" }
   *[other] {" "}等（另有 { $more } 项）
}
place-feature = { $kind ->
    [beat] 网格 { $id }
    [device] 设备 { $id }
    [street] 街道 { $id }
    [landmark] 地标 { $id }
    [site] 站点的名称和底图
   *[other] { $kind } { $id }
}
places-accounts = 消息代理账号：{ $names }；密码在 { $folder } 中

## 周报（console/report）
report-title = { $site }：{ $year } 年第 { $number } 周，{ $begin } 至 { $end }
report-made = 生成于 { $time }，依据当时已知的全部数据。内容不含人员和号牌。
report-exercise = 演练：模拟或回放数据，并非实情。
report-running = 本周尚未结束：统计截至 { $until }，以往各周也只统计到相同时刻。
report-not-known = { $week } 小时中有 { $hours } 小时情况不明：各项次数均为至少发生的数量。
report-n = { $n }
report-least = 至少 { $n }
report-range = { $low } 至 { $high }
report-h = { $hours } 小时
report-span = { $span_s }
report-of = 共 { $whole } 条
report-against = 以往各周：{ $mean }（{ $least } 至 { $most }，{ $known } 周）
report-against-none = 没有可比较的以往各周
report-p90 = 90% 在 { $p90 } 内（n = { $n }）
report-none-taken = 没有一条被签收
report-hours-of = { $wanted } 小时中的 { $got } 小时
report-no-plan-short = 没有计划
report-false-of = 人员结束的共 { $whole } 条
report-devices-known = { $n } 台设备
report-devices-since = 自 { $time } 起已知。
report-began = 站点自 { $time } 起运行。
report-gone = 没有记录：当时尚未运行，或数据质量已超过保存期限（store.health_days）。
report-alerts = 告警
report-acknowledge = 签收用时
report-acknowledge-of = 其中：{ $severity }
report-clear = 结束用时
report-unanswered = 无人签收
report-false = 误报
report-patrol = 巡逻完成
report-dark = 设备静默
report-section-alerts = 告警的地点与时段
report-section-answers = 处置
report-section-false = 误报原因
report-section-patrol = 巡逻：计划与完成
report-section-staffing = 警力：需求与在岗
report-section-devices = 设备与数据
report-section-learnt = 模型新学到的内容
report-section-unknown = 情况不明的部分
report-col-beat = 网格
report-col-alerts = 告警
report-col-before-4 = 前 4 周
report-col-before-8 = 前 8 周
report-col-kind = 类型
report-col-what = 项目
report-col-n = n
report-col-median = 中位数
report-col-p90 = 90% 在此时间内
report-col-raised = 发生时间
report-col-severity = 级别
report-col-device = 设备
report-col-shift = 班次
report-col-stops = 停留点
report-col-planned = 计划（分钟）
report-col-delivered = 完成（分钟）
report-col-done = 已完成
report-col-skipped = 已跳过
report-col-missed = 未到
report-col-longest = 最长静默
report-col-since = 开始于
report-col-dark = 静默合计
report-col-stuck = 读数不变
report-col-quality = 数据质量
report-mean = { $mean }（{ $least } 至 { $most }）
report-more = 另有 { $n } 项，见 “patrolgrid report week --json” 的 JSON。
report-weekday = { $day ->
    [0] 周一
    [1] 周二
    [2] 周三
    [3] 周四
    [4] 周五
    [5] 周六
   *[6] 周日
}
report-none-raised = 本周没有发生告警。
report-weeks = 每周告警数；横线为以往各周的平均值，“?” 为情况不够明确的一周
report-left-out = 不参与比较：{ $weeks }。这些周有太多小时情况不明。
report-left-week = { $week }（{ $hours } 小时）
report-and = 、
report-heat-beats = 各网格各时段的告警
report-heat-days = 一周各日各时段的告警
report-heat-before = 以往各周平均（{ $known } 周）
report-no-beat = 网格之外
report-told = 各渠道已接收 { $messages } 条消息，涉及 { $alerts } 条告警；{ $open } 条未被接收。
report-unanswered-n = { $n ->
    [0] 所有告警都有人签收。
   *[other] { $whole } 条告警中有 { $n } 条无人签收，其中紧急和警告级别的有：
}
report-col-compared = 比较
report-written = 已写入：{ $file }
report-false-sum = 据现场人员所述，其中 { $n } 条为误报。人员共结束 { $ended } 条，其中 { $without } 条未注明原因。
report-reason = { $reason ->
    [nothing] 现场无异常
    [ordinary] 正常活动
    [weather] 风、雨或光线
    [animal] 动物
    [works] 施工或测试
    [device] 设备故障
   *[other] { $reason }
}
report-no-plan = 本周没有计划巡逻停留点。
report-by-beat = 各网格的分钟数：空心条为计划，实心条为完成
report-minutes-of = { $wanted } 分钟中的 { $got } 分钟
report-staff-asked = 各时段警力：灰柱为在岗，线为排班表的需求；橙色为缺口
report-staff-needed = 各时段警力：灰柱为在岗，线为本周告警所需；橙色为缺口
report-staff-sum-asked = 排班表要求 { $asked } 个警力小时，实际发生的情况需要 { $needed } 个。
report-staff-sum-needed = 本周没有排班表。实际发生的情况需要 { $needed } 个警力小时。
report-staff-there = 已排班 { $there } 个警力小时；其中缺口为 { $short } 个警力小时。
report-staff-since = { $time } 之前这里没有计划，因此无从得知谁在岗。
report-staff-nobody = 没有排班，因此无从得知谁在岗。
report-no-trouble = 已知的 { $n } 台设备始终有数据。
report-never = 从未收到数据：{ $devices }
report-still = { $time }；末尾仍静默
report-quality = 共收到 { $received } 条观测：迟到 { $late }，缺失 { $missing }，重复 { $duplicate }。平均数据质量 { $quality }。
report-grown = { $n ->
    [0] 本周没有模型达到可以判断的程度。
   *[other] 本周有 { $n } 个模型达到可以判断的程度：
}
report-young = { $n ->
    [0] 没有模型数据过少。
   *[other] 仍有 { $n } 个模型数据过少。
}
report-accepted = { $n ->
    [0] 没有人认可新的常态。
   *[other] 认可了 { $n } 项新的常态：
}
report-accepted-one = { $device }：{ $time } 认可自 { $since } 以来的状况为正常
report-rhythms-new = { $n ->
    [0] 模型没有学到新的高峰。
   *[other] 模型学到 { $n } 个新的高峰：
}
report-rhythms = { $n ->
    [0] 模型不知道任何高峰。
   *[other] 模型知道 { $n } 个高峰（没有上周的报告，无法说明哪些是新的）：
}
report-rhythm = { $device }：{ $begin } 至 { $end }，{ $days }
    .days = 、
report-all-known = 全部 { $week } 小时情况均已知。
report-unknown-sum = { $week } 小时中有 { $hours } 小时情况不明。
report-unknown-parts = 其中 { $away } 小时本系统没有运行，{ $blank } 个整点小时没有任何设备发送数据。
report-unknown-high = 因此 { $low } 条告警为最少数量：加上不明的时段，可能多达 { $high } 条。
report-away = { $begin } 至 { $end }（{ $hours } 小时）
report-message = { $lines }
    .lines = {"\u000A"}
report-message-title = 周报 { $week }
report-message-alerts = 告警：{ $n } 条（{ $against }）
report-message-taken = 签收用时：中位数 { $median_s }，90% 在 { $p90_s }内
report-message-unanswered = 无人签收 { $n } 条；误报 { $false } 条
report-message-patrol = 巡逻：{ $wanted } 小时中完成 { $got } 小时
report-message-dark = 设备静默合计 { $hours } 小时（{ $n } 台设备）
report-message-link = 报告：{ $link }
report-definitions = 各项数字的算法：docs/report.zh-CN.md。
# 单个告警的页面
board-page-alert = 告警
board-case-by = ，{ $by }
board-case-state-raised = 未处置
board-case-state-acknowledged = 已签收
board-case-state-cleared = 已解除
board-case-state-expired = 自行结束
board-case-place = 地点
board-case-beat = 网格
board-case-raised = 发出
board-case-since = 起始
board-case-ended = 结束
board-case-false = 误报
board-case-alike = 同类告警
board-case-model = 由模型发现
board-case-rule = 由规则发现
board-case-observed = 观测值
board-case-expected = 预期值
board-case-chance = 平常日出现的概率
board-case-one_in = { $n }分之一
board-case-less = 不到{ $n }分之一
board-case-confidence = 可信度
board-case-devices = 设备
board-case-budget = 今日告警预算
board-case-budget_is = 每天{ $perday }条；门槛{ $chance }；今日已发{ $raised }条，压下{ $held }条
board-case-no_budget = 未设置
board-case-shipped = 模型出厂值
board-case-windows = 前后的统计窗口
board-case-no_windows = 结果库中没有这些设备当时的窗口。
board-case-raw = 原始观测
board-case-between = 事件时间{ $from }至{ $until }。
board-case-gone = 数据日志最早到{ $time }，更早的内容已不在。
board-case-log_elsewhere = 本机没有该站点的数据日志：城市部署的日志在Kafka上。
board-case-log_unreadable = 暂时无法读取数据日志。
board-case-more = 只显示最新部分，另有{ $n }条。
board-case-part = 只读取了一部分时段。
board-case-none = 数据日志中没有这些设备当时的观测。
board-case-received = 接收
board-case-event = 事件时间
board-case-device = 设备
board-case-metric = 类别
board-case-says = 内容
board-case-number = 启动 / 序号
board-case-record = 记录
board-case-count = { $s }秒内进{ $into }、出{ $out }
board-case-backfill = 事后补传
board-case-steps = 处置经过
board-case-told = 通知对象
board-case-nobody = 未从此处通知任何人。
board-case-receipts_unknown = 暂时无法读取通知对象。
board-case-receipt-waiting = 等待中
board-case-receipt-failed = 被拒绝
board-case-receipt-accepted = 已受理
board-case-receipt-delivered = 已送达
board-case-receipt-dropped = 不再需要
board-case-near = 附近情况
board-case-none_near = 500米、12小时内没有警情，3小时内该网格没有巡逻停留点。
board-case-incident = 警情：{ $category }，相距{ $metres }米
board-case-stop = 巡逻
board-case-again = 重跑
board-case-again_help = 让同样的记录通过一条从当时之前状态开始的流水线。不会改变任何东西。
board-case-cannot = 不能在此重跑：态势图不知道站点的设置。
board-case-cannot_log = 不能重跑：数据日志中已没有相应记录。
board-case-try = 同时试验
board-case-try_none = 不改设置
board-case-value = 取值
board-case-run = 重跑
board-case-running = 正在运行…
board-case-work-failed = 运行失败。
board-case-work-cancelled = 运行已取消。
board-case-work-interrupted = 运行时态势图被停止。
board-case-same = 得到同一告警。
board-case-not_again = 没有得到该告警：模型、地点文件或程序已与当时不同。
board-case-differs = 得到该告警，但以下不同：{ $what }。
board-case-field-raised_ms = 发出时间
board-case-field-ended_ms = 结束时间
board-case-field-severity = 级别
board-case-field-devices = 设备
board-case-field-why = 数值
board-case-as_told = 当时
board-case-as_again = 重跑
board-case-as_tried = 按试验的设置
board-case-not_tried = 按试验的设置，没有该告警。
board-case-begun_snapshot = 从{ $time }保存的状态开始。
board-case-begun_store = 从结果库学习的模型开始：没有更早的保存状态。
board-case-begun_nothing = 从未学习的状态开始：没有足够早的保存状态或结果库。
# 值班日志
board-page-shift = 值班日志
board-shift-choose = 选择班次
board-shift-before = 上一班
board-shift-after = 下一班
board-shift-now = 当前班次
board-shift-day = 日期
board-shift-none_that_day = 当天还没有开始的班次。
board-shift-title = { $name } · { $day } { $begin }–{ $end }
board-shift-state_running = 截至{ $time }
board-shift-state_over = 以下为班次结束时的情况
board-shift-state_coming = 尚未开始
board-shift-officers = 巡逻人员：{ $names }
board-shift-n_alerts = 条告警
board-shift-n_critical = 条紧急
board-shift-n_unanswered = 条无人签收
board-shift-n_reports = 起警情
board-shift-n_stops = 个巡逻点已到
board-shift-n_gap = 没有数据
board-shift-more = 另有{ $n }条，见页面
board-shift-all = 显示全部{ $n }条
board-shift-further = 另有{ $n }项
board-shift-open = 未完事项：需要交接
board-shift-was_open_title = 结束时的未完事项
board-shift-nothing_open = 没有未完事项。
board-shift-coming = 本班尚未开始。
board-openthing-alert = 告警
board-openthing-device = 设备
board-openthing-mute = 静音
board-openthing-works = 计划事项
board-shift-open_device = { $device }：{ $trouble }
board-shift-open_mute = { $kind }，{ $where }：{ $time }之前不通知任何人。原因：{ $why }（{ $by }）
board-shift-open_works = { $name }，{ $where }：{ $begin }–{ $end }
board-shift-all_kinds = 所有类别
board-shift-everywhere = 全辖区
board-shift-notes = 记事
board-shift-no_notes = 还没有人记事。
board-shift-note_new = 新记事
board-shift-note_send = 记入日志
board-shift-note_here = 记事
board-shift-note_at = 关于：{ $what }
board-shift-note_free = 不针对告警
board-shift-at_alert = 关于一条告警
board-shift-has_notes = { $n }条记事
board-shift-sent = 已发送，稍后显示在此处。
board-shift-who = 您的姓名
board-shift-alerts = 告警
board-shift-no_alerts = 没有告警。
board-shift-left_out = 另有{ $n }条告警未在此列出，全部见历史记录。
board-shift-told = 已通知：{ $whom }
board-shift-told_persons = { $persons }（{ $channel }）
board-shift-told_nobody = 未向任何人发送消息
board-shift-told_not = 消息均未送达
board-shift-told_unknown = 无法读取通知情况
board-shift-taken = { $by }于{ $time }签收
board-shift-cleared = { $by }于{ $time }解除
board-shift-ended = { $time }结束
board-shift-ended_alone = 另有{ $n }条自行结束、无人签收
board-shift-silent_unknown = 数据一直有；这段时间内各设备是否中断未保留记录。
board-shift-unanswered = 无人签收
board-shift-reports = 警情
board-shift-no_reports = 没有警情。
board-shift-patrols = 巡逻
board-shift-no_patrols = 目前为止没有计划的巡逻点。
board-shift-patrol = 到达{ $done }/{ $stops }个巡逻点，漏巡{ $missed }个，跳过{ $skipped }个；{ $delivered }/{ $planned }分钟
board-shift-devices = 设备：故障的发生与恢复
board-shift-no_devices = 没有故障发生或恢复。
board-shift-data = 数据缺失
board-shift-gap = { $span }内没有任何测量数据
board-shift-silent = { $span }内没有发送数据
board-shift-no_gaps = 数据一直正常。
board-shift-data_unknown = 不清楚：这段时间的数据窗口未保留。
board-shift-hand_over = 交接班
board-shift-hand_over_help = 所有未完事项一并移交，由接班人阅读并接班。
board-shift-hand_over_send = 交班
board-shift-hand_over_out = 交班并退出登录
board-shift-to = 交给谁（可不填）
board-shift-words = 下一班需要知道的事
board-shift-handed = { $by }于{ $time }交班
board-shift-handed_to = { $by }于{ $time }交班给{ $to }
board-shift-no_words = 无特殊情况。
board-shift-was_open = 当时有{ $n }项未完
board-shift-taken_by = { $by }于{ $time }阅读并接班
board-shift-not_taken = 还没有人接班。
board-shift-take = 已阅读，接班
board-shift-sign_over = 交班人（姓名、时间）
board-shift-sign_taken = 接班人（姓名、时间）
board-shiftname-day = 白班
board-shiftname-night = 夜班
board-person-shift_over = 您的班次（{ $name }）已于{ $time }结束。
board-person-hand_over = 交班并退出登录
board-error-no_shift = 没有班次{ $id }。
board-error-bad_span = 时间范围过长、结束早于开始或年份不合理；最多{ $most }天。
board-error-no_note = 记事内容为空。
board-error-note_too_long = 内容过长：日志记事最多{ $most }个字，姓名最多64个字。
board-error-shift_coming = 本班尚未开始，不能交班。
board-error-shift_too_old = 本班结束已超过一天，不能再交班。
board-error-no_hand_over = 没有这次交班记录。
board-error-already_taken = { $by }已经接班。
board-error-own_hand_over = 这是您自己的交班，应由下一班的人接班。
