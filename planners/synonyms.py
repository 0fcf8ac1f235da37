"""Everyday words for the same thing, in both languages: who says "tug" or "拉扯" may mean what a
recipe calls attraction.

Each line is one family. A word of a wish also finds, for less, what says another word of its
families; nothing else is made of them, so that a family may be loose.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from .words import stem

_FAMILIES = """
sun suns star stars 太阳 恒星 星球
planet planets world 行星 星球 天体
sky heaven heavens 天空 天上 夜空
sunset dusk evening twilight sundown nightfall 日落 傍晚 黄昏 夕阳 落日 晚霞 日暮
sunrise dawn daybreak morning 日出 清晨 黎明 早晨 早上
night midnight 夜晚 晚上 夜里 深夜 夜色
sea ocean beach shore coast waves 大海 海洋 海边 海滩 海浪 海面 沙滩
lake pond pool 湖泊 池塘 湖面 湖水 水塘 水池
river stream brook 河流 河水 小溪 溪水
mountain mountains peak peaks hill hills alps summit 山峰 高山 大山 雪山 群山
forest wood woods grove jungle trees 森林 树林 林子 松林
plant plants bush herb 植物 花草 草木
flower flowers blossom bloom petals rose 花朵 鲜花 开花 花瓣 玫瑰
garden yard park meadow 花园 院子 公园 后院 草地
village town hamlet settlement 村庄 村子 小镇 镇上 城镇
city downtown metropolis skyline skyscraper 城市 市区 高楼 大厦 都市
house home hut cabin building 房子 房屋 小屋 屋子
snow snowy snowflake snowfall blizzard flurry 下雪 雪花 大雪 飘雪 雪天
rain rainy shower drizzle downpour raindrop 下雨 雨天 雨水 大雨 雨滴
wind windy breeze gust gale blow 刮风 大风 微风 风吹
fog foggy mist misty haze 大雾 雾气 薄雾
fire burn burning flame flames blaze ablaze 着火 火焰 燃烧 大火 火苗
smoke fumes 烟雾 冒烟 浓烟
hot heat warm warmth heating 加热 温度 发热 热量 烧热
cold cool cooling chill freeze frozen 变凉 冷却 凉了 结冰 放凉
tea coffee cup mug drink 咖啡 热水 热茶 茶水
kid kids child children pupil 孩子 小孩 儿童 小朋友 学生
people crowd folks persons public 人群 人流 大家 众人
ill sick disease infect flu virus plague epidemic outbreak 生病 疾病 流感 病毒 传染 感染
vaccine vaccination jab immune immunity 疫苗 接种 免疫 打针
doctor hospital medicine drug pill tablet dose 医院 吃药 药物 药片 剂量
money cash dollars euros pounds yuan 钞票 元钱 块钱 人民币
save saving savings deposit 存钱 存款 攒钱 定投 存入
loan mortgage borrow debt credit 贷款 借款 房贷 借钱 还款 月供
interest rate yield return 利率 利息 收益 年利
share shares stock stocks equity 股票 股价 股份 炒股
discount markdown rebate reduction reduced bargain 打折 折扣 优惠 降价 促销 减价
quiz exam multiple true false guess guesses guessing 选择题 判断题 瞎蒙 乱猜 蒙对 全靠
compost soil gravel mulch topsoil sand 泥土 沙子 碎石 土方
markup margin profit 毛利 加价
price prices cost costs expensive 价格 价钱 涨价 物价
pension retire retirement 退休 养老
profit earn income revenue 利润 赚钱 收入 盈利
rich wealth wealthy fortune poor 富人 财富 有钱 贫富
chance chances likely likelihood probability odds probable 概率 几率 机会 可能性 机率
random randomly luck lucky 随机 碰运气 运气
dice die roll rolls 骰子 色子 掷骰
coin coins toss flip heads tails 硬币 抛币 正面
card cards deck sticker stickers 卡片 扑克 集卡
gamble gambler casino bet betting 赌博 赌徒 赌场 押注
lottery jackpot raffle 彩票 中奖 开奖
average mean 平均 均值 平均数
spread deviation scatter variance 标准差 方差 离散
fast speed quick velocity rapid swift 速度 快慢 多快 飞快
drop fall falls falling plunge tumble 落下 掉下 下落 坠落 掉落
throw thrown toss hurl kick fling launch 扔出 抛出 踢出 投掷 抛掷
ball stone rock pebble projectile 小球 石头 石子 皮球
swing swinging sway sways oscillate oscillation pendulum bob 摆动 摇摆 摆锤 晃动 荡秋
spring springs bounce bounces bouncing 弹簧 弹跳 弹起
hit collide collision crash bump smash impact 相撞 碰撞 撞上 撞到 对撞
slide slip slope ramp incline 滑下 斜坡 斜面 滑梯 坡上
pull attract attraction tug gravity gravitation 吸引 引力 重力 拉扯 万有
heavy weight weigh mass 重量 体重 质量 重物
rope string cord cable chain 绳子 细绳 绳索 链条 链子
turn spin spins rotate rotating rotation revolve whirl 旋转 转动 自转 转圈 打转
circle ring round circular loop orbit 圆圈 圆形 圆环 轨道 绕圈
rocket spaceship spacecraft shuttle 火箭 飞船 航天
satellite moon moons 月亮 月球 卫星 月光
galaxy galaxies 星系 银河
wave waves ripple ripples 波浪 水波 涟漪 波纹
sound noise tone note music pitch 声音 音调 声波 音乐 声响
song melody piano guitar violin 钢琴 吉他 琴弦 曲子
light beam ray rays glow shine 光线 光束 亮光 发光
mirror lens glass magnifier 透镜 镜子 放大镜 凸透镜 玻璃
colour color colours colors colourful 颜色 彩色 色彩 七色 七彩
shadow dark darkness 影子 黑暗 阴影
magnet magnetic magnetism compass 磁铁 磁场 磁力 吸铁石
charge charges electric electricity charged 电荷 带电 电场 正负
battery voltage current circuit wire resistor 电池 电压 电流 电路 电阻
atom atoms molecule molecules particle particles 原子 分子 粒子 微粒
gas air vapour steam 气体 空气 蒸汽
liquid water fluid 液体 流体 流水
drain leak leaking outflow hole 漏水 流光 放水 漏光
radioactive decay uranium iodine caesium halflife 放射性 衰变 半衰期
acid base alkaline 酸碱 盐酸 氢氧化钠
react reaction reactant chemical 反应 化学
bacteria microbe microbes germ germs yeast 细菌 微生物 酵母 病菌
cell cells 细胞 格子 方格
gene genes genetic genetics inherit inherited dna chromosome 基因 遗传 染色体
species kind breed 物种 种群 品种
animal animals wolf wolves fox foxes lion predator 动物 捕食 天敌 狐狸
rabbit rabbits hare sheep deer prey 兔子 猎物 绵羊
bird birds starling starlings sparrow sparrows swallow flock 鸟群 小鸟 麻雀 椋鸟 飞鸟
fish fishes shoal school herring 鱼群 小鱼 鱼儿 游鱼
ant ants insect insects bug bugs 蚂蚁 昆虫 虫子
car cars vehicle vehicles traffic driver drivers 汽车 车辆 车流 开车 交通
jam jams congestion standstill 堵车 拥堵 塞车
road street motorway highway lane 马路 公路 道路 街道 高速
brake braking stop stopping 刹车 制动 急刹
queue queues line waiting wait till checkout counter 排队 等待 队伍 柜台 收银
exit door doors evacuation escape 出口 逃生 疏散 逃离 门口
rumour rumor gossip news 谣言 传言 八卦 消息
opinion vote voter voters election 意见 观点 投票 选举
friend friends acquaintance network 朋友 熟人 好友 社交
game play playing 游戏 玩法
sort sorting order ordered arrange 排序 排列 从小到大 顺序
search find path route way shortest 最短 路线 路径 寻路
maze labyrinth 迷宫
prime primes 质数 素数
below under smaller less fewer until 以内 以下 之内 之前
above over larger greater bigger exceed 以上 超过 大于
divide divisor factor factors divisible 约数 因数 整除 分解
binary bits hexadecimal 二进制 进制
code cipher secret encrypt decrypt encode 密码 加密 暗号 密文
letter letters character alphabet 字母 字符
equation solve solution root roots 方程 求解 解出 方程组
curve graph plot function 曲线 图像 函数
slope tangent derivative gradient 切线 导数 斜率
area integral under surface 面积 积分
triangle sides angle angles 三角形 边长 夹角
square squares rectangle 正方形 方块
cube dice solid polyhedron 立方体 正方体 多面体
fractal selfsimilar zoom 分形 放大 自相似
heart hearts love 爱心 心形
firework fireworks new year 烟花 烟火 过年
lamp lantern lanterns 灯笼 灯光
boat ship float swim sink 浮力 漂浮 下沉 浮在
balloon balloons 气球 热气球
bubble bubbles soap 泡泡 气泡 肥皂
cloth fabric flag sheet towel 布料 旗子 旗帜 床单
ice iceberg glacier 冰块 冰山 冰雪
mixed mix mixing stir blend 混合 搅拌 掺在
spreading spread diffuse diffusion scatter bleeding bloom 扩散 散开 传播 蔓延 晕开 晕染 化开 渗开
grow growth growing grows 生长 增长 长大 长出
double doubling doubled twice 翻倍 加倍 翻一番
survive survival selection evolve evolution 进化 生存 选择 适应
butterfly butterflies moth moths 蝴蝶 飞蛾 蛾子
desert sand dune dunes sahara 沙漠 沙丘 沙子
twisted helix spiral coil corkscrew 螺旋 扭曲 麻花 盘旋
ladder stairs rung rungs 梯子 楼梯 阶梯
knot tied tangle 打结 绳结 扭结
sphere globe 地球 球体 球面
aeroplane airplane plane wing aircraft 飞机 机翼 翅膀
boil boiling kettle pot 烧水 沸腾 水壶 烧开
iron metal steel copper 金属 铁板 铁棒 钢铁
wall insulation window 墙壁 保温 窗户
pressure squeeze compress compression 压强 压力 压缩
birthday birthdays born 生日 出生
date dates calendar 日期 日子
year years annual yearly 每年 一年 年份
month months monthly 每月 月份 每个月
picture photo photograph image 图片 照片 相片
table column columns csv spreadsheet 表格 数据表 列表
data values numbers measurements 数据 数值
group groups cluster clusters clustering 分组 聚类 分类 分堆
"""


def relatives(text: str, terms: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the other words of each term's families, as terms; ``text`` is where they stand."""
    english, chinese, members = _table()
    pairs: dict[str, set[int]] = {}
    for word, families in chinese.items():
        if word in text:
            for start in range(len(word) - 1):
                pairs.setdefault(word[start : start + 2], set()).update(families)
    found = {}
    for term in terms:
        of = english.get(term, ()) if term.isascii() else pairs.get(term, ())
        others = frozenset().union(*(members[family] for family in of)) - {term}
        if others:
            found[term] = others
    return found


@cache
def _table() -> tuple[Mapping[str, set[int]], Mapping[str, set[int]], tuple[frozenset[str], ...]]:
    """Return the families of each English stem, of each Chinese word, and their terms."""
    english: dict[str, set[int]] = {}
    chinese: dict[str, set[int]] = {}
    members = []
    for place, line in enumerate(_FAMILIES.strip().splitlines()):
        words = line.split()
        latin = {stem(word) for word in words if word.isascii()}
        for word in latin:
            english.setdefault(word, set()).add(place)
        for word in (w for w in words if not w.isascii()):
            chinese.setdefault(word, set()).add(place)
        members.append(frozenset({*latin, *(w for w in words if not w.isascii() and len(w) == 2)}))
    return english, chinese, tuple(members)
