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
