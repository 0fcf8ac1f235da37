"""A recipe to fill in: a whole small one that works, with a word on each part."""

from __future__ import annotations

import re

from intentos.errors import UsageError
from intentos.types import language_of, sha256


def template(name: str) -> tuple[str, str]:
    """Return the id and the YAML text of a recipe that computes something small already.

    Raises:
        UsageError: the name holds nothing that a file can be called by.
    """
    title = " ".join(name.split())
    if not re.search(r"[^\W_]", title) or len(title) > 80 or not title.isprintable():
        raise UsageError("save.bad_name", name=title[:80], limit=80)
    letters = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
    named = re.match(r"[a-z]", letters) and language_of(title) == "en"
    id = letters[:60] if named else "own_" + sha256(title.encode())[:8]
    quoted = "'" + title.replace("{", "(").replace("}", ")").replace("'", "''") + "'"
    return id, _TEXT.replace("ID", id).replace("TITLE", quoted)


_TEXT = """\
# A recipe: a plan with knobs. It works as it stands; put your own work in its place.
# 配方：带旋钮的计划。它现在就能运行，把内容换成你自己的即可。
# Check it with 用此命令检查:  intentos recipes check ID.yaml
schema: 1
id: ID  # also the file's name 也是文件名
title: {en: TITLE, zh: TITLE}
description:
  en: Throws dice many times and tells how often the sum was reached.
  zh: 掷很多次骰子，统计达到某个点数和的频率。
# How people ask for it; a recipe for everybody has four or more in each language.
# 人们会怎么说；给大家用的配方每种语言至少四句。
phrasings:
  en: [TITLE, how often do dice show a sum, throw some dice, chance of a sum of dice]
  zh: [TITLE, 掷骰子的点数和, 掷几个骰子, 点数和的概率]
# One sentence: how the wish was understood. Names in braces are parameters.
# 一句话：怎样理解了这个愿望。花括号里是参数名。
interpretation:
  en: Throw {dice} dice {throws:,} times and count sums of {wanted}.
  zh: 掷 {dice} 个骰子 {throws:,} 次，数点数和为 {wanted} 的次数。
assumptions:
  - text: {en: The dice are fair., zh: 骰子是均匀的。}
# The knobs. kind: number, integer, choice, boolean, colour, text, expression.
# work: true marks what makes the run longer; aliases are words that stand beside its number.
# 旋钮。work: true 表示它决定运行要多久；aliases 是数字旁边会出现的词。
parameters:
  - name: dice
    label: {en: Dice, zh: 骰子数}
    kind: integer
    default: 2
    minimum: 1
    maximum: 10
    aliases: [dice, 个骰子, 骰子]
  - name: wanted
    label: {en: Sum, zh: 点数和}
    kind: integer
    default: 7
    minimum: 1
    maximum: 60
    aliases: [sum, 点数和, 和]
  - name: throws
    label: {en: Throws, zh: 次数}
    kind: integer
    default: 100000
    minimum: 100
    maximum: 10000000
    work: true
    aliases: [throws, times, 次]
  - name: colour
    label: {en: Colour of the bars, zh: 柱子的颜色}
    kind: colour
    default: "#3a7bd5"
    aliases: [colour, color, 颜色]
# The work. In Python there are: parameters, inputs, seed, language, save(name, object),
# report(name, value, unit), progress(fraction). No network, no files of this machine.
# 工作本身。沙箱里没有网络，也没有本机文件。
steps:
  - id: compute
    title: {en: Throw and count, zh: 掷骰子并计数}
    language: python
    code: |
      import matplotlib.pyplot as plt
      import numpy as np

      dice, throws = parameters["dice"], parameters["throws"]
      sums = np.random.default_rng(seed).integers(1, 7, (throws, dice)).sum(axis=1)
      counts = np.bincount(sums, minlength=6 * dice + 1)
      ways = np.ones(1)
      for _ in range(dice):
          ways = np.convolve(ways, np.ones(6))
      wanted = parameters["wanted"]
      place = wanted - dice
      exact = float(ways[place] / 6**dice) if 0 <= place < len(ways) else 0.0
      report("share", float(np.mean(sums == wanted)))
      report("exact", exact)
      report("counted", int(counts.sum()))
      figure, axes = plt.subplots()
      axes.bar(np.arange(len(counts)), counts / throws, color=parameters["colour"])
      save("chart", figure)
# What must hold of the result. oracle: a known value; physical: a law; generic: anything else.
# 结果必须满足的条件。oracle：已知的值；physical：定律；generic：其他。
checks:
  - name: near_theory
    title: {en: As theory says, zh: 与理论一致}
    kind: oracle
    expect: abs(share - exact) < 5 * sqrt(0.25 / throws)
  - name: all_counted
    title: {en: Every throw is counted, zh: 每次都数到了}
    kind: generic
    expect: counted == throws
answer:
  en: "{share:.2%} of the throws gave {wanted}; theory says {exact:.2%}."
  zh: "{share:.2%} 的投掷得到 {wanted}；理论值是 {exact:.2%}。"
# What people see over the numbers in the place of their names.
# 显示在各个数上方的名称。
labels:
  share: {en: Share that gave the sum, zh: 出现该点数和的比例}
  exact: {en: Share by theory, zh: 理论比例}
  counted: {en: Throws counted, zh: 数到的次数}
# Small values: `recipes check` runs it with these, and once more for each knob turned.
# 小的取值：检查时用它们运行，再把每个旋钮各转一次。
test: {throws: 2000}
"""
