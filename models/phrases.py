"""What each kind of finding is called, and what to do about it, in English and Chinese."""

from __future__ import annotations

from typing import Final

TITLES: Final[dict[str, tuple[str, str]]] = {
    "surge": ("Unusual crowd or traffic", "人流或车流异常增多"),
    "deficit": ("Unusually quiet", "人流或车流异常减少"),
    "dead": ("Counter has gone dead", "计数设备疑似失效"),
    "camera_fault": ("Camera fault", "摄像头故障"),
    "stranger_vehicle": ("Unknown vehicle at night", "夜间陌生车辆"),
    "tailgating": ("Tailgating at the gate", "尾随闯闸"),
    "circling": ("Vehicle circling", "车辆反复徘徊"),
    "wrong_way": ("Vehicle against the direction", "车辆逆行"),
    "overstay": ("Visitor vehicle overstays", "外来车辆滞留超时"),
    "convoy": ("Group of unknown vehicles", "陌生车队聚集进出"),
    "gate_stuck": ("Barrier stuck", "道闸故障"),
    "noise_high": ("Loud noise", "噪声过高"),
    "smoke": ("Smoke", "烟雾报警"),
    "heat": ("Dangerous heat", "高温报警"),
    "fire": ("Smoke and heat together", "烟温复合火警"),
    "water": ("High water", "积水过深"),
    "door_open": ("Door left open", "门未关闭"),
    "cover_open": ("Manhole cover open", "井盖异动"),
    "tamper": ("Device tampered with", "设备被破坏或拆动"),
    "silent": ("Device silent", "设备失联"),
    "feed_lost": ("Beat not being watched", "网格监测中断"),
    "burglary_series": ("Series of burglaries", "连续入室盗窃"),
    "incident_series": ("Series of incidents", "同类警情连发"),
    "level_high": ("Unusually high reading", "读数异常偏高"),
    "level_low": ("Unusually low reading", "读数异常偏低"),
    "level_stuck": ("Reading does not change", "读数长时间不变"),
    "level_drift": ("Reading drifts", "读数持续漂移"),
    "level_step": ("Reading has jumped to a new level", "读数发生阶跃"),
    "context": ("Unusual mix in the beat", "网格多项指标组合异常"),
}

ADVICE: Final[dict[str, tuple[str, str]]] = {
    "surge": (
        "Look at the camera picture; send the nearest patrol if a crowd is forming.",
        "查看现场视频；如有人群聚集，就近派员到场疏导。",
    ),
    "deficit": (
        "Look at the camera picture: check for a blocked road, a closed entrance or a covered lens.",
        "查看现场视频，核实道路是否受阻、出入口是否关闭、镜头是否被遮挡。",
    ),
    "dead": ("Have the camera or counter checked on site.", "安排人员到现场检查摄像头或计数设备。"),
    "camera_fault": (
        "Check the area by the neighbouring cameras and send maintenance; rule out that it was covered on purpose.",
        "通过相邻摄像头查看该区域并通知维保，排除人为遮挡。",
    ),
    "stranger_vehicle": (
        "Check the picture at the gate; have a patrol pass by and check the vehicle.",
        "查看卡口抓拍画面，安排巡逻人员前往核查车辆。",
    ),
    "tailgating": (
        "Check the picture at the gate, find the second vehicle and ask whom it visits.",
        "查看卡口抓拍画面，查找尾随车辆并核实来访事由。",
    ),
    "circling": (
        "Follow the vehicle by the gates' pictures; have a patrol speak to the driver.",
        "通过卡口画面跟踪车辆，安排巡逻人员上前盘查。",
    ),
    "wrong_way": ("Watch for danger to others and stop the vehicle if need be.", "注意通行安全，必要时拦停车辆。"),
    "overstay": ("Ask the property management whom the vehicle visits.", "联系物业核实车辆来访对象。"),
    "convoy": (
        "Check the picture at the gate and send a patrol to find out why they come.",
        "查看卡口画面，派员到场了解来意。",
    ),
    "gate_stuck": (
        "Tell the property management; have a guard at the gate until it works.",
        "通知物业维修，修复前安排专人值守。",
    ),
    "noise_high": (
        "Listen and look by the nearest camera; send a patrol if there is a quarrel or a fight.",
        "通过就近摄像头查看现场；如有争吵斗殴，立即派员处置。",
    ),
    "smoke": (
        "Call the fire service (119) and the property management; send the nearest patrol to help people out.",
        "立即通知消防（119）和物业，就近派员协助疏散。",
    ),
    "heat": (
        "Check for fire at once; call the fire service (119) if in doubt.",
        "立即核实是否起火，如有疑问先报消防（119）。",
    ),
    "fire": (
        "Call the fire service (119) now, have people leave, keep the fire lane free.",
        "立即报消防（119），组织疏散，保持消防通道畅通。",
    ),
    "water": ("Close the way to people and cars; tell the drainage service.", "封闭积水路段，通知排水部门。"),
    "door_open": ("Have the door closed and find out who opened it.", "派员关门并查明开启原因。"),
    "cover_open": (
        "Secure the hole at once, keep people away, tell the owner of the cover.",
        "立即设置警示围挡，防止行人坠落，通知井盖权属单位。",
    ),
    "tamper": (
        "Check the device on site; secure the pictures of the cameras around.",
        "到现场检查设备，调取周边视频。",
    ),
    "feed_lost": (
        "Send a patrol round in place of the devices; have network and power of the beat checked.",
        "先派巡逻人员到场补位，并立即排查该网格的网络和供电。",
    ),
    "silent": ("Check power and network of the device.", "检查设备供电和网络。"),
    "burglary_series": (
        "Patrol these streets on foot at changing times, warn residents, check doors and windows with them.",
        "不定时加强该片区步巡，提醒居民防范，检查门窗安全。",
    ),
    "incident_series": (
        "Patrol there at changing times and look for what the incidents have in common.",
        "不定时加强该片区巡逻，研判警情共同点。",
    ),
    "level_high": (
        "Compare with the devices around; check on site if they agree.",
        "与周边设备比对，如一致则到现场核查。",
    ),
    "level_low": (
        "Compare with the devices around; check on site if they agree.",
        "与周边设备比对，如一致则到现场核查。",
    ),
    "level_stuck": ("Have the sensor checked.", "安排检查传感器。"),
    "level_drift": ("Have the sensor cleaned and calibrated.", "安排清洁并校准传感器。"),
    "level_step": (
        "Find out what has changed on site, or have the sensor checked.",
        "核实现场变化，或安排检查传感器。",
    ),
    "context": (
        "Look at the beat's cameras for what ties the figures together; no single device is out of its range.",
        "查看本网格各路视频，研判几项指标同时变化的原因；单台设备的读数均未超出正常范围。",
    ),
}

METRICS: Final[dict[str, tuple[str, str, str]]] = {
    # metric: English, Chinese, Chinese measure word
    "person": ("people", "行人", "人次"),
    "vehicle": ("vehicles", "车辆", "辆次"),
}

DEVICES: Final[dict[str, tuple[str, str]]] = {
    # type in the places file: English plural, Chinese with its measure word
    "camera": ("cameras", "个摄像头"),
    "gate": ("gates", "个卡口"),
    "": ("devices", "台设备"),
}

CHANNELS: Final[dict[str, tuple[str, str, str, str]]] = {
    # channel of a beat's context: English, Chinese, English unit, Chinese measure word
    "people": ("people", "行人", "", "人次"),
    "vehicles": ("vehicles", "车辆", "", "辆次"),
    "noise": ("noise", "噪声", " dB", "分贝"),
}

DAYS: Final[tuple[tuple[str, str], ...]] = (
    ("Monday", "周一"),
    ("Tuesday", "周二"),
    ("Wednesday", "周三"),
    ("Thursday", "周四"),
    ("Friday", "周五"),
    ("Saturday", "周六"),
    ("Sunday", "周日"),
)

READINGS: Final[dict[str, tuple[str, str]]] = {
    "noise": ("noise", "噪声"),
    "smoke": ("smoke density", "烟雾浓度"),
    "temperature": ("temperature", "温度"),
    "water": ("water depth", "水深"),
    "humidity": ("humidity", "湿度"),
}

WORDS: Final[dict[str, str]] = {
    "open": "打开",
    "closed": "关闭",
    "tilted": "倾斜",
    "alarm": "报警",
    "ok": "正常",
    "blocked": "被遮挡",
    "lost": "信号丢失",
    "stuck": "卡住",
    "up": "抬起",
    "down": "落下",
}
"""Chinese of what states say; other words are shown as they are."""

CATEGORIES: Final[dict[str, tuple[str, str]]] = {
    "burglary": ("burglaries", "入室盗窃"),
    "theft": ("thefts", "盗窃"),
    "fight": ("fights", "打架斗殴"),
    "robbery": ("robberies", "抢劫"),
    "noise": ("noise complaints", "噪声扰民"),
    "fire": ("fires", "火情"),
    "fraud": ("frauds", "诈骗"),
    "vandalism": ("cases of vandalism", "故意损毁财物"),
    "dispute": ("disputes", "纠纷"),
    "traffic": ("traffic accidents", "交通事故"),
    "lost_property": ("cases of lost property", "物品遗失"),
    "surge": ("crowd alerts", "人流异常"),
    "deficit": ("unusually quiet spells", "人流异常减少"),
    "dead": ("dead counters", "计数失效"),
    "noise_high": ("noise alarms", "噪声报警"),
    "smoke": ("smoke alarms", "烟雾报警"),
    "heat": ("heat alarms", "高温报警"),
    "water": ("high-water alarms", "积水报警"),
    "door_open": ("doors left open", "门未关闭"),
    "cover_open": ("open manhole covers", "井盖异动"),
    "camera_fault": ("camera faults", "摄像头故障"),
    "gate_stuck": ("stuck barriers", "道闸故障"),
    "tamper": ("tampering alarms", "设备拆动"),
    "stranger_vehicle": ("unknown vehicles at night", "夜间陌生车辆"),
    "tailgating": ("cases of tailgating", "尾随闯闸"),
    "circling": ("circling vehicles", "车辆徘徊"),
    "wrong_way": ("vehicles going the wrong way", "车辆逆行"),
    "overstay": ("overstaying vehicles", "车辆滞留"),
    "convoy": ("groups of unknown vehicles", "陌生车队"),
    "level_high": ("unusual readings", "读数异常"),
    "level_low": ("unusual readings", "读数异常"),
    "hazard": ("hazard alerts", "隐患报警"),
    "gate": ("gate alerts", "卡口报警"),
}
