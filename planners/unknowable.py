"""What plainly nobody can compute, told by rule: outcomes, weather, prices, people, errands, words.

A rule must be surer than a model: where a wish gives amounts of its own ("rain on 4 days of 10") or
asks for a picture or a simulation, what is asked about the world is something to compute.
"""

from __future__ import annotations

import re

from . import numbers
from .formulas import written
from .mention import Mention


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_LANGUAGE = (
    r"(?:english|chinese|mandarin|cantonese|french|german|spanish|italian|japanese|korean|russian"
    r"|portuguese|dutch|arabic|latin|greek|hindi|turkish|polish|swedish|thai|vietnamese)"
)
_TONGUE = (
    r"(?:英|法|德|日|韩|俄|中|汉|泰|越南|西班牙|葡萄牙|意大利|阿拉伯|拉丁|希腊|西|粤"
    r"|文言)(?:语|文)"
)
_NOW_EN = (
    r"(?:today|now|right now|at the moment|currently|these days|this (?:week|month|morning)"
    r"|tonight)"
)
_SOON_EN = (
    r"(?:tomorrow|tonight|today|this (?:weekend|evening|afternoon|week)|next (?:week|month|year"
    r"|weekend|summer|winter|season|monday|friday|saturday|sunday)|on (?:mon|tues|wednes|thurs|fri"
    r"|satur|sun)day|(?:the )?day after tomorrow)"
)
_SOON_ZH = (
    r"(?:今天|今晚|明天|明晚|明早|后天|大后天|这几天|这两天|(?:这|本|下)?周末|[这本下]个?(?:周"
    r"|星期|礼拜)|下个?月|未来[几\d一二三四五七十]+天|"
    r"过两天|明年|今年|年底)"
)
_NOW_ZH = r"(?:今天|现在|目前|眼下|当前|最近|这会儿|如今)"
_MARKET_EN = (
    r"(?:stocks?|shares?|bitcoin|crypto\w*|gold|oil|petrol|dollars?|euros?|yen|pounds?|yuan"
    r"|house prices?"
    r"|rents?|(?:stock )?market|nasdaq|dow jones|interest rates?)"
)
_MARKET_ZH = (
    r"(?:股票|股价|大盘|股市|基金|比特币|黄金|金价|油价|房价|汇率|美元|欧元|日元|茅台"
    r"|港股|A股|利率)"
)
_KIN_EN = (
    r"(?:(?:my|our|his|her|their|your) (?:\w+ )?\w+|the (?:\w+ )?(?:man|woman|boy|girl|person"
    r"|lady|guy"
    r"|neighbou?r|teacher|boss)\b(?: \w+){0,3})"
)
_ENGLISH_VERB = r"(?:^|[.!?;:] |\b(?:please|you|me|us|kindly|to|just) )"

_WEATHER = _words(
    r"\b(?:will|is) it (?:\w+ )?(?:rain|snow|hail|thunder|storm)(?:ing)?\b",
    rf"\b(?:umbrella|raincoat|sunscreen|winter coat)\b.*\b{_SOON_EN}|\b{_SOON_EN}.*\bumbrella\b",
    rf"\b(?:weather|rain|snow|sunny|cloudy|windy|foggy|cold|hot|warm|degrees|temperatures?"
    rf"|humid\w*|storm|typhoon)\b.*\b{_SOON_EN}\b",
    rf"\b{_SOON_EN}(?:'s)?\b.*\b(?:weather|rain|snow|sunny|cloudy|windy|degrees"
    r"|temperatures?)\b",
    r"\bweather (?:like )?(?:in|for|at|on|today|forecast)\b",
    rf"{_SOON_ZH}[^。？?]*(?:下[雨雪]|天气|气温|多少度|几度|冷不冷|热不热|带伞|打伞|零下|台风"
    rf"|降温|刮风|有雾|雾霾|出太阳|晴不晴)",
    r"(?:下[雨雪]|天气|气温|带伞|台风|降温)[^。？?]*" + _SOON_ZH,
    r"天气(?:怎么样|如何|好不好)|会不会下[雨雪]|会下[雨雪]吗",
)
_PRICES = _words(
    rf"\b(?:prices?|costs?|worth|sells? for|trading at|exchange rate)\b.*\b{_NOW_EN}\b",
    rf"\b{_NOW_EN}(?:'s)?\b.*\b(?:prices?|costs?|worth|exchange rate)\b",
    rf"\b(?:will|going to|should)\b.*\b{_MARKET_EN}\b.*\b(?:rise|fall|drop|go up|go down|reach"
    rf"|crash|hit)"
    rf"|\b{_MARKET_EN}\b.*\b(?:will|going to)\b.*\b(?:rise|fall|drop|up|down|reach|crash|hit"
    rf"|worth)\b",
    rf"\b(?:will|is)\b.*\b{_MARKET_EN}\b.*\b(?:go(?:ing)? to|rise|fall|reach|crash)\b",
    rf"\b(?:one|an?|the) {_MARKET_EN} in (?:\w+ )?{_MARKET_EN}s?\b.*\b{_NOW_EN}\b"
    rf"|\bhow much (?:do|does|is|are)\b.*\b{_NOW_EN}\b",
    rf"\b(?:price of|quote for) {_MARKET_EN}\b$",
    rf"{_NOW_ZH}[^。？?]*(?:多少钱|[什啥][么]?价|几块钱|价格|汇率|股价|值多少|换多少)",
    rf"(?:多少钱|什么价|汇率|股价|价格)[^。？?]*{_NOW_ZH}",
    rf"{_MARKET_ZH}[^。？?]*(?:涨不涨|跌不跌|会涨|会跌|会不会|能不能涨|走势如何|还会|要涨|要跌"
    rf"|该买)",
)
_FORTUNE = _words(
    r"\bwho(?:'s| is| will| is going to)?(?: be)? (?:going to )?(?:win|wins|become)\b.*\b(?:next"
    r"|this year"
    r"|tomorrow|tonight|election|cup|champion\w*|president|league|final)\b",
    r"\b(?:which|what) (?:\w+ )?(?:country|team|club|party|film|movie|horse|player|song|candidate"
    r"|side)"
    r" (?:takes|gets|wins|scores|will|is going)\b",
    r"\bwill (?:i|we|he|she|they|my \w+) (?:ever )?(?:pass|marry|get (?:rich|married|promoted"
    r"|the job)"
    r"|be (?:rich|happy|famous)|find (?:love|a job)|live to)\b",
    r"\bhoroscope\b|\btell my fortune\b|\btarot\b|\bwhat does my (?:zodiac|star sign|future)\b",
    r"算命|运势|星座|桃花运|抽签|塔罗|财运|会考(?:什么|啥|哪)|能不能考上|考得上|(?:能"
    r"|会)不会?(?:中奖|发财|脱单)"
    r"|谁(?:会|能|将)(?:当选|夺冠|捧杯|赢|拿(?:冠军|金牌|奖|第一))(?=.*(?:杯|赛|选|冠军|奖|届"
    r"|年))|(?:杯|赛|选举|大选|今年|明年)[^。？?]{0,10}谁(?:会|能|将)(?:赢|捧杯|夺冠|当选|拿)"
    r"|(?:冠军|总统)会?是谁|压轴题(?:是|考)",
)
_ADVICE = _words(
    r"\bshould (?:i|we|he|she|my \w+) (?!expect|get (?:back|out)|find|see|measure|pay|wait|stand"
    r"|sit"
    r"|aim|put|hold|place|add|set|cut|take (?:out|off)|need)\w+",
    r"\bis it (?:a good idea|worth (?:it|buying|\w+ing)|wise|okay|ok|better) (?:for me )?to\b",
    r"\b(?:good|nice|best|great) (?:\w+ )?(?:present|gift|book|film|movie|restaurant|hotel|name"
    r"|holiday|hobby|phone|laptop|job|dish|recipe)s?\b.*(?:\b(?:for|to|in|with)\b|\?|$)",
    r"\bhow (?:do|can|could|should) (?:i|we) (?:get over|lose weight|make friends"
    r"|stop (?:worrying|smoking)"
    r"|tell (?:him|her|my)|learn|become|cheer|impress|apologi[sz]e|fall asleep|find (?:a|the) "
    r"(?:job|partner|girlfriend|boyfriend))\b",
    r"\bwhich (?:one |of them )?is (?:nicer|better|prettier|healthier|tastier|cooler|more fun)\b"
    r"|\bis it too (?:late|early|soon) (?:for me|for us)?\b",
    r"\b(?:recommend|suggest)\b(?! (?:a )?(?:value|number))|\bwhat do you (?:think|feel|like"
    r"|prefer)\b",
    r"\bwhich (?:\w+ ){0,2}(?:stocks?|shares?|books?|films?|movies?|phones?|jobs?|laptops?|cars?) "
    r"(?:should|would|do you)\b",
    r"(?:怎么办|咋办|咋整)[呢啊呀？?。！]*$|穿什么(?!时)|该不该|要不要(?:分手|结婚|辞职|买|去|跟"
    r"|和|换|考|生)|(?:适合|值得)[^。？?]{0,10}吗"
    r"|怎么(?:减肥|追|哄|安慰|道歉|学好|挽回|跟[^。？?]{1,6}说|睡着|戒)|推荐"
    r"|送[^。？?]{0,10}什么(?:礼物|好)|好不好看"
    r"|你(?:觉得|认为|喜欢|怎么看)|好吃吗|哪家(?:好|强)|(?:学|选|读|去|买|养|当"
    r"|住)[^，。？?]{1,10}好还是|选哪个专业|报哪[个所]",
)
_PEOPLE = _words(
    rf"\bhow (?:old|tall|heavy|rich) (?:is|are|was) {_KIN_EN}",
    rf"\b(?:when is|what is|what's) {_KIN_EN}(?:'s)? (?:birthday|name|phone|number|age|address"
    r"|favou?rite)\b",
    r"\bwhat(?:'s| is| are) my \w+(?: \w+)? (?:called|name)\b",
    r"\bwhat am i (?:thinking|wearing|doing|holding)\b|\bwhere (?:is|are|did i (?:put|leave)) my\b"
    r"|\bwhat did i \w+\b",
    r"(?:我|你|他|她|咱|隔壁|邻居|老板|老师|同桌)[^，。？?]{0,8}(?:多大(?:了|年纪)|几岁|多高|生日"
    r"|叫什么|电话(?:号码)?是|住哪|在哪[儿里]"
    r"|在想什么|喜欢谁|哪天生|工资多少|存款多少|(?:口袋|钱包|兜)里有多少)",
)
_FACTS = _words(
    r"\bwho (?:\w+ly )?(?:painted|wrote|invented|discovered|composed|built|founded|killed"
    r"|directed|sang"
    r"|designed|created|ruled|won|was|are you)\b"
    r"|\bwho is (?:the |an? )?(?:president|king|queen|prime minister|chancellor|author|inventor"
    r"|director"
    r"|mayor|singer|owner|ceo)\b|\bwho is (?-i:[A-Z])\w+",
    r"\b(?:what|which|who|name)\b.*\b(?:capital|president|king|queen|prime minister|currency"
    r"|population|official language"
    r"|mayor) of (?:the )?(?-i:[A-Z])\w+",
    r"\b(?:when|where|(?:in )?(?:what|which) (?:year|century|country|city)) (?:did|was"
    r"|were) (?:the )?"
    r"(?-i:[A-Z])\w+",
    r"谁(?:发明|发现|写|画|建|创立|创作|唱|演|导演|提出|杀)(?!出)|(?:作者|导演|主演|首都|总统"
    r"|国王|皇帝|省会|发明者|创始人)(?:是|叫)"
    r"|是(?:哪里|哪儿|哪国|什么地方|哪个朝代)的?人|(?:哪[一]?年|什么时候|何时)(?:出生|去世|成立"
    r"|建成|建立|爆发|发明|签订|灭亡|登基)"
    r"|(?:出生|去世|成立|建成|爆发|灭亡)[于在]?(?:是)?(?:哪[一]?年|什么时候)",
)
_NEWS = _words(
    r"\bwhat(?:'s| is| has| was)? (?:\w+ )?happen(?:ed|ing|s)? (?:in|at|to|with"
    r"|on)\b.*\b(?:yesterday|today"
    r"|last night|lately|recently|this (?:week|morning|month|year)|last week)\b",
    r"\bwho won\b|\b(?:latest|today's|yesterday's|breaking) (?:\w+ )?(?:news|headlines?|scores?"
    r"|results?)\b"
    r"|\bwhat(?:'s| is) (?:new|in the news|going on) (?:in|with|today)\b|\bread me the news\b",
    r"(?:昨[天晚]|今天|最近|刚才|上周|今早)[^。？?]*(?:新闻|头条|发生了?(?:什么|啥)|比分|谁赢"
    r"|几比几|热搜)|有(?:什么|啥)新闻|谁赢了",
)
_WRITING = _words(
    _ENGLISH_VERB
    + r"(?:write|compose|draft|pen|come up with|make up|think (?:of|up)|invent|give me|tell (?:me"
    r"|us)"
    r"|rewrite|proofread|summari[sz]e) (?:\w+[- ]){0,6}?(?:letter|poem|haiku|limerick|stor(?:y|ies)"
    r"|essay|lyrics|e-?mails?|jokes?|speech|toast|slogan|caption|lines|verses?|message|card"
    r"|review|blog"
    r"|scripts?|novel|invitation|report|tweet|article|love song|fairy tale|riddle|sonnet|cv|resume"
    r"|resignation|(?:\w+ )?names?)\b(?! of (?:code|sight|symmetry|length))",
    r"\b(?:proofread|rewrite) (?:this|the|my)\b|\b(?:toast|speech|letter|poem|card|essay|song)\b.*"
    r"\bwrite it\b",
    r"(?:写|作|编|起草|拟|想|来|做)[^，。？?]{0,14}(?:信|诗|作文|文章|邮件|故事|歌词|通知|请假条"
    r"|演讲稿|发言稿|稿子|总结|检讨|情书|对联|台词"
    r"|剧本|小说|散文|论文|日记|贺词|祝福语|祝福|简历|申请书?|评语|广告词|文案|段子|笑话|谜语"
    r"|朋友圈|(?:自我)?介绍|标题|口号|影评|读后感)"
    r"(?:[呗吧呀啊]|给[^，。？?]{1,8})?[。！!？?]*$",
    r"[起取](?:个|一个|几个)?[^，。？?]{0,6}(?:名字|名儿|外号|网名|店名|小名)"
    r"|[讲说][个一]?个?(?:笑话|故事)",
)
_TRANSLATION = _words(
    rf"\b(?:translate|say|put|write|turn|render|express)\b.*\b(?:in|into|to) {_LANGUAGE}\b",
    r"\bhow (?:do|would) (?:the |you )?(?:\w+s|\w+sh|chinese|japanese|french|you|people) say\b",
    rf"\bwhat (?:is|does|do)\b.*\b(?:in {_LANGUAGE}|mean in english)\b|\btranslate (?:this"
    rf"|the (?:text"
    r"|sentence|word|letter|poem))\b",
    rf"(?:翻译?成|译成|译为|换成){_TONGUE}|用?{_TONGUE}(?:怎么|咋|如何)(?:说|写|讲|念)"
    rf"|{_TONGUE}里?[^，。？?]{{0,6}}怎么(?:说|讲|念)"
    r"|(?:翻译|翻)(?:一下|这[段句篇个])",
)
_ACTION = _words(
    _ENGLISH_VERB
    + r"(?:book|reserve|order|buy|get|cancel|reschedule|rent) (?:me |us )?(?:an? |the |one |two "
    r"|three |four |five |six |\d+ |some |my )"
    r"(?:\w+[- ]){0,3}?(?:table|flight|train|plane|hotel|room|tickets?|seats?|taxi|cab|pizzas?|meal"
    r"|appointment|meeting|car|bus|course|groceries|flowers|coffee|trip)\b",
    _ENGLISH_VERB
    + r"(?:send|text|e-?mail|phone|ring|message|call) (?:an? )?(?:my|him|her|them|mum|mom|dad"
    r"|(?:\w+ )?(?:e-?mail|text|message|sms) to|the (?:doctor|police|dentist|bank|office)"
    r"|(?-i:[A-Z])\w+)\b",
    _ENGLISH_VERB
    + r"(?:turn|switch) (?:on|off) (?:the|my) (?:\w+ )?(?:lights?|lamp|tv|television|heating"
    r"|oven|radio|computer|phone|wifi|alarm|air con\w*|washing machine)\b(?: in (?:the"
    r"|my) \w+)?[.!?]*$",
    r"\bremind me\b|\bwake me\b|\bset (?:an?|my|the) (?:alarm|timer|reminder)\b"
    r"|\bplay (?:me )?(?:some |the "
    r"|a )?(?:\w+ )?(?:music|songs?|radio|video|movie|film|playlist|podcast)\b[.!?]*$"
    r"|\b(?:delete|install|download|upload|print|back up) (?:my|the|this|all)\b"
    r"|\badd (?:\w+ )?(?:\w+ )?to my (?:calendar|list|shopping)",
    r"(?:订|预订|预定|抢|买|退|改签)(?:[^，。？?]{0,12})(?:(?<![彩股发选投])票|酒店|宾馆|房间"
    r"|机票|座位|包间|餐厅|外卖|位子)"
    r"|(?:点|叫)(?:一?[份个杯单辆])?[^，。？?]{0,4}(?:外卖|奶茶|滴滴|出租车|网约车|快递|披萨)"
    r"|(?:发|回)(?:一?[条个封])?(?:短信|微信|邮件|消息)(?:给|说|告诉|[。！!]?$)|(?:^"
    r"|[帮替])(?:我)?[给跟][^，。]{0,6}(?:打一?个?电话|发[^，。]{0,4}(?:短信|微信"
    r"|消息))[^多几]{0,8}$"
    r"|(?:打开|关掉|关上|开一下|关一下|把)[^，。？?]{0,8}(?:空调|电视|客厅的?灯|卧室的?灯"
    r"|厨房的?灯|音响|窗帘|热水器|扫地机)(?:打开|关掉|关了|关上|调[到成高低]\w{0,8})?[。！!]?$"
    r"|(?:会议|日程|约会|航班|预约)[^，。？?]{0,8}(?:改到|推迟|取消|提前到|调到)|(?:取消"
    r"|推迟)[^，。？?]{0,8}(?:会议|日程|约会|预约|订单)"
    r"|提醒我|(?:定|设)[^，。？?]{0,6}闹钟|叫我起床|放(?:一?首|点儿?)(?:歌|音乐)|导航(?:到|去)"
    r"|(?:充|交(?!通))[^，。？?]{0,8}(?:话费|流量|水电费)(?!.*(?:多少|几))|(?:转账|汇款)给",
)

RULES: dict[str, re.Pattern[str]] = {
    "translation": _TRANSLATION,
    "writing": _WRITING,
    "action": _ACTION,
    "news": _NEWS,
    "weather": _WEATHER,
    "prices": _PRICES,
    "fortune": _FORTUNE,
    "unknowable": _PEOPLE,
    "facts": _FACTS,
    "advice": _ADVICE,
}
_ERRANDS = ("translation", "writing", "action", "news")
"""What stays so whatever numbers are said: "an essay of 800 words", "a table for 4 at 7"."""

_COMPUTE = _words(
    r"\b(?:draw|plot|sketch|simulat\w*|animat\w*|comput\w*|calculat\w*|graph|visuali[sz]e|render"
    r"|integrate"
    r"|differentiate|factori[sz]e|solve|how (?:likely|probable)|probabilit\w*|(?:the"
    r"|what) (?:odds|chances?)|convert"
    r"|expected (?:number|value))\b",
    r"换算|折合|合(?:多少|华氏|摄氏)|(?<!谁)(?:^|[我请来，, ])?画(?:一|个|出|张|幅|条|下|只|朵|两"
    r"|几|\d)|绘制|模拟|仿真|演示|动画|计算(?!机)|(?<!计)算(?:一下|出|算|得|几|多|[^命了])|概率"
    r"|几率|可能性"
    r"|机会有?多大"
    r"|求(?:解|出|导|和|积|[^，。]{0,12}(?:值|根|解|面积|体积|长度))|解方程",
)

_DAYS = frozenset({"day", "week", "month", "year"})
_SUMS = _words(
    r"\b(?:binary|hexadecimal|primes|prime (?:numbers?|factors?)|digits?|how many letters"
    r"|divisible|divisors?|squared?|cubed?"
    r"|average|sum of|day of the week|leap years?|roman numerals?|morse|anagrams?|palindromes?"
    r"|factorial|square root|heads or tails|chord|scale|semitones?|(?:musical )?notes?)\b",
    r"\bshow (?:me )?(?:an?|the|how)\b|\b(?:floating|flying|swimming|dancing|spinning|glowing"
    r"|drifting|rotating|swirling|bouncing|drawn)\b|长什么样|演给我看|(?:飞舞|飘动|旋转|闪烁|跳动)",
    r"二进制|十六进制|素数|质数|平均数|之和|总和|的和(?=是|等于|为|多少|[?？。]|$)|之积|的积(?=是|等于|为|多少)|乘积|数列|级数|星期几|闰年|倍数|约数|因数|几个字母|排列|阶乘|平方根"
    r"|开方|摩尔斯|罗马数字|回文|[写列]出前",
)
"""Things to work out, or to show, that need no number."""


def kind(text: str) -> str | None:
    """Return which kind of unknowable thing a text plainly asks for, if any."""
    text = " ".join(text.split())
    for name, rule in RULES.items():
        if rule.search(text) and (name in _ERRANDS or not _given(text)):
            return name
    return None


def computable(text: str) -> bool:
    """Return whether a text gives something to compute with, which no model shall refuse: an amount
    with a unit (days may be of the calendar), two numbers or dates, a formula, or a word for
    computing or drawing."""
    said = amounts(text)
    moments = [m for m in numbers.read(text) if m.kind == "number" and _is_moment(m)]
    return (
        len(said) + len(moments) > 1
        or any(m.share or (m.unit is not None and m.unit.symbol not in _DAYS) for m in said)
        or _formula(text)
        or _COMPUTE.search(text) is not None
        or _SUMS.search(text) is not None
    )


def amounts(text: str) -> list[Mention]:
    """Return the numbers and factors of a text but for dates, times of day and mere articles."""
    return [
        m
        for m in numbers.read(text)
        if m.kind in ("number", "factor")
        and not (m.weak or (m.number == 1 and not m.text[:1].isdigit()))
        and not _is_moment(m)
    ]


def _is_moment(mention: Mention) -> bool:
    return mention.unit is not None and mention.unit.dimension in ("date", "clock")


def _formula(text: str) -> bool:
    """Whether a formula is written out; "cost" alone may be read as cos t."""
    return any(re.search(r"[-+*/^=(\d]", item.text) for item in written(text))


def _given(text: str) -> bool:
    """Whether a text brings along what its answer can be worked out from."""
    said = amounts(text)
    odds = any(m.share or (m.unit and m.unit.dimension == "percent") for m in said)
    return odds or len(said) > 1 or _COMPUTE.search(text) is not None or _formula(text)
