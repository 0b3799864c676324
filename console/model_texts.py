"""Sentences of `patrolgrid models` and `patrolgrid train`, in the languages people read."""

from __future__ import annotations

from typing import Final

MODEL_TEXTS: Final[dict[str, tuple[str, str]]] = {
    # models
    "models.none": ("No device counts or measures anything yet.", "尚无设备上报计数或测量数据。"),
    "models.and": (" and ", "、"),
    "models.semicolon": ("; ", "；"),
    "models.col.device": ("device", "设备"),
    "models.col.metric": ("measures", "测量项"),
    "models.col.weeks": ("weeks", "周数"),
    "models.col.days": ("days work/Sat/Sun/hol", "天数 工作日/周六/周日/节假日"),
    "models.col.state": ("model", "模型"),
    "models.col.rare": ("1-in-100", "百一罕见"),
    "models.col.inside": ("in band", "区间内"),
    "models.col.verdict": ("calibration", "校准"),
    "models.col.learnt": ("learnt to", "学习至"),
    "models.col.needs": ("to look at", "需关注"),
    "models.class.working": ("working days", "工作日"),
    "models.class.saturday": ("Saturdays", "周六"),
    "models.class.rest": ("Sundays and holidays", "周日与节假日"),
    "models.state.judged": ("judging", "已可判断"),
    "models.state.partly": ("partly young", "部分时段数据不足"),
    "models.state.young": ("young", "数据不足"),
    "models.state.unseen": ("no data lately", "近期无数据"),
    "models.verdict.good": ("good", "良好"),
    "models.verdict.narrow": ("too many surprises", "异常偏多"),
    "models.verdict.wide": ("too few surprises", "异常偏少"),
    "models.verdict.shifted": ("expects too much or too little", "预期偏高或偏低"),
    "models.verdict.little": ("too little data", "数据太少"),
    "models.needs.stuck": ("reading does not change", "读数不变，请检查设备"),
    "models.needs.unseen": ("nothing lately: look at the device", "近期无数据，请检查设备"),
    "models.needs.young": ("needs history: patrolgrid train", "需补充历史：patrolgrid train"),
    "models.needs.narrow": ("alarms at ordinary things", "对正常情况也报警"),
    "models.needs.shifted": ("habits have changed, or the count is wrong", "规律已变，或计数不准"),
    "models.needs.wide": ("may overlook things", "可能漏报"),
    "models.needs.missing": ("has not learnt {classes}", "尚未学习{classes}"),
    "models.summary": (
        (
            "{series} models of {devices} devices: {judged} judging, {young} young, {unseen} without data lately; "
            "{wrong} badly calibrated, {lacking} stuck or lacking a kind of day."
        ),
        (
            "共 {devices} 台设备、{series} 个模型：已可判断 {judged} 个，数据不足 {young} 个，近期无数据 {unseen} 个；"
            "校准不良 {wrong} 个，读数不变或缺少某类日期 {lacking} 个。"
        ),
    ),
    "models.figures": (
        (
            "{windows} windows of {days:g} days: {rare:.1%} as strange as 1 in 100, {rarer:.1%} as 1 in 20, "
            "{inside:.1%} inside the {band:.0%} band."
        ),
        (
            "{days:g} 天内 {windows} 个窗口：达到百分之一罕见程度的占 {rare:.1%}，达到二十分之一的占 {rarer:.1%}，"
            "落在 {band:.0%} 区间内的占 {inside:.1%}。"
        ),
    ),
    "models.anew": (
        "The baselines learn anew since {time} ({reason}); `patrolgrid train --from-store` brings back what they knew.",
        "基线自 {time} 起重新学习（{reason}）；执行 `patrolgrid train --from-store` 可恢复原有知识。",
    ),
    "models.state": ("The saved state cannot be read: {problem}", "无法读取已保存的状态：{problem}"),
    # train
    "train.reading": ("learning", "学习"),
    "train.nothing": (
        "Nothing to learn: all {known} windows were learnt before.",
        "无需学习：{known} 个窗口此前均已学过。",
    ),
    "train.empty": ("Nothing to learn: there is no window of a count or a level.", "无需学习：没有计数或测量窗口。"),
    "train.would": (
        "{windows} windows of {series} series would be learnt ({first} to {last}); {known} were learnt before.",
        "将学习 {series} 个序列的 {windows} 个窗口（{first} 至 {last}）；{known} 个此前已学过。",
    ),
    "train.sent": (
        "{windows} windows of {series} series given to the node ({first} to {last}).",
        "已将 {series} 个序列的 {windows} 个窗口交给节点（{first} 至 {last}）。",
    ),
    "train.known": (
        "{known} windows were left out: the models had learnt them before (--again learns them once more).",
        "跳过 {known} 个窗口：模型此前已学过（加 --again 可再学一次）。",
    ),
    "train.learnt": ("The node has learnt {windows} windows.", "节点已学习 {windows} 个窗口。"),
    "train.node_known": (
        "{known} more were passed over by the node, which had learnt them meanwhile.",
        "另有 {known} 个窗口节点已学过，未重复学习。",
    ),
    "train.refused": (
        (
            "{count} were not learnt: they are not over yet, or the node refused them "
            "(patrolgrid quarantine counts --site {site})."
        ),
        "另有 {count} 个窗口未学习：尚未结束，或被节点拒绝（patrolgrid quarantine counts --site {site}）。",
    ),
    "train.later": (
        "The node of site {site} is stopped: it learns from them when it starts next.",
        "站点 {site} 的节点已停止：下次启动时学习。",
    ),
    "train.kafka": ("The workers on Kafka learn from them in their turn.", "Kafka 上的处理进程将依次学习。"),
    "train.not_waited": ("The node learns from them now.", "节点正在学习。"),
    "train.slow": (
        "The node has not worked them off yet; it goes on by itself. `patrolgrid status` shows how far it is.",
        "节点尚未处理完毕，将继续自行处理；`patrolgrid status` 可查看进度。",
    ),
    "train.bad": (
        "{count} rows of {file} were not learnt from:",
        "{file} 中有 {count} 行未用于学习：",
    ),
    "train.more_bad": ("... and {count} more", "……另有 {count} 行"),
    "train.kept": (
        "They are in quarantine: patrolgrid quarantine list --site {site} --reason history",
        "已放入隔离区：patrolgrid quarantine list --site {site} --reason history",
    ),
    "train.gone": (
        "{count} series of the store were left out, as their device is not in the places file: {devices}",
        "存储中有 {count} 个序列因设备不在点位文件中而跳过：{devices}",
    ),
}
"""Key → (English, Simplified Chinese), with the same placeholders in both."""
