"""English verbs: the irregular ones with their forms, common regular ones, and what the forms of each say.

Facts about English, written down for this project; a verb that is missing here is found by its ending or not at all.
"""

from __future__ import annotations

from genvae_conditional.rules.classes import members

#: base, past, participle; several forms are joined by a slash
IRREGULAR = """
arise arose arisen, awake awoke awoken, bear bore borne/born, beat beat beaten, become became become, begin began
begun, bend bent bent, bet bet bet, bid bid bid, bind bound bound, bite bit bitten, bleed bled bled, blow blew blown,
break broke broken, breed bred bred, bring brought brought, broadcast broadcast broadcast, build built built, burn
burned/burnt burned/burnt, burst burst burst, buy bought bought, cast cast cast, catch caught caught, choose chose
chosen, cling clung clung, come came come, cost cost cost, creep crept crept, cut cut cut, deal dealt dealt, dig dug
dug, dive dived/dove dived, draw drew drawn, dream dreamed/dreamt dreamed/dreamt, drink drank drunk, drive drove
driven, eat ate eaten, fall fell fallen, feed fed fed, feel felt felt, fight fought fought, find found found, flee
fled fled, fling flung flung, fly flew flown, forbid forbade forbidden, foresee foresaw foreseen, forget forgot
forgotten, forgive forgave forgiven, freeze froze frozen, get got got/gotten, give gave given, go went gone, grind
ground ground, grow grew grown, hang hung/hanged hung/hanged, hear heard heard, hide hid hidden, hit hit hit, hold
held held, hurt hurt hurt, keep kept kept, kneel knelt knelt, know knew known, lay laid laid, lead led led, lean
leaned/leant leaned/leant, leap leaped/leapt leaped/leapt, learn learned/learnt learned/learnt, leave left left, lend
lent lent, let let let, lie lay/lied lain/lied, light lit/lighted lit/lighted, lose lost lost, make made made, mean
meant meant, meet met met, mistake mistook mistaken, misunderstand misunderstood misunderstood, outgrow outgrew
outgrown, overcome overcame overcome, overhear overheard overheard, oversleep overslept overslept, overtake overtook
overtaken, pay paid paid, prove proved proved/proven, put put put, quit quit quit, read read read, rebuild rebuilt
rebuilt, repay repaid repaid, ride rode ridden, ring rang rung, rise rose risen, run ran run, saw sawed sawn, say said
said, see saw seen, seek sought sought, sell sold sold, send sent sent, set set set, sew sewed sewn, shake shook
shaken, shed shed shed, shine shone/shined shone/shined, shoot shot shot, show showed shown, shrink shrank shrunk,
shut shut shut, sing sang sung, sink sank sunk, sit sat sat, sleep slept slept, slide slid slid, sling slung slung,
slit slit slit, smell smelled/smelt smelled/smelt, sneak sneaked/snuck sneaked/snuck, sow sowed sown, speak spoke
spoken, speed sped/speeded sped/speeded, spell spelled/spelt spelled/spelt, spend spent spent, spill spilled/spilt
spilled/spilt, spin spun spun, spit spat/spit spat, split split split, spoil spoiled/spoilt spoiled/spoilt, spread
spread spread, spring sprang sprung, stand stood stood, steal stole stolen, stick stuck stuck, sting stung stung,
stink stank stunk, strike struck struck/stricken, string strung strung, strive strove striven, swear swore sworn,
sweep swept swept, swell swelled swollen, swim swam swum, swing swung swung, take took taken, teach taught taught,
tear tore torn, tell told told, think thought thought, throw threw thrown, thrust thrust thrust, tread trod trodden,
undergo underwent undergone, understand understood understood, undertake undertook undertaken, undo undid undone,
upset upset upset, wake woke/waked woken/waked, wear wore worn, weave wove woven, weep wept wept, wet wet wet, win won
won, wind wound wound, withdraw withdrew withdrawn, withstand withstood withstood, wring wrung wrung, write wrote
written, rewrite rewrote rewritten, redo redid redone, outdo outdid outdone, rid rid rid, bust bust bust, knit knit
knit
"""

#: regular verbs; in capitals those that are at least as often a noun or an adjective where a sentence begins
REGULAR = """
abandon abolish absorb abuse accept accompany accomplish accuse ache achieve acknowledge acquire act adapt add ADDRESS
adjust admire admit adopt adore advance advertise advise affect afford agree aim allow alter amaze amuse analyze
announce annoy ANSWER anticipate apologize appeal appear applaud apply appoint appreciate approach approve argue arm
arouse arrange arrest arrive ask assassinate assault assemble assess assign assist associate assume assure attach
ATTACK attain ATTEMPT attend attract avoid await awaken bake balance ban bandage bang banish BARK bark base bathe
battle beg behave believe belong betray bite blame bless blink block bloom blossom blush boast boil BOMB BOOK book
borrow bother bounce bow box brag breathe BRUSH brush bully bump burden burp bury button buzz calculate CALL call CALM
calm camp campaign cancel CARE care carry carve cause cease celebrate challenge CHANGE change CHARGE charge chase chat
CHEAT cheat CHECK check CHEER cheer chew choke chop circulate cite claim clap classify CLEAN clean CLEAR clear climb
CLOSE close CLOTHE clothe coach collapse collect color comb combine comfort command comment commit communicate commute
COMPARE compare compete complain complete compose concentrate concern conclude condemn conduct confess confirm confuse
congratulate connect conquer consider consist console construct consult consume contact contain continue contract
contradict contribute CONTROL control convert convey convince COOK cook COOL cool cooperate cope COPY copy correct
correspond cough COUNT count COVER cover crack crash crawl create criticize CROSS cross crouch CRUSH crush CRY cry
cure curse curtsy DANCE dance dare DATE date deceive decide declare decline decorate decrease dedicate defeat defend
define delay delete deliver demand demolish demonstrate deny depart depend deposit depress derive describe desert
deserve DESIGN design desire despise destroy detain detect deteriorate determine develop devote devour die differ dine
dip disagree disappear disappoint disapprove discover discuss disguise dislike dismiss disobey display disregard
dissolve distinguish distribute disturb divide divorce do dominate donate DOUBT doubt download doze drag drain DRESS
dress drift drop drown DRY dry dump dye earn ease echo edit educate elect eliminate embarrass embrace emerge emigrate
emphasize employ EMPTY empty enable encounter encourage END end endure engage enjoy enlarge ensure enter entertain
envy erase escape establish estimate evaporate examine exceed exchange excite excuse execute exercise exhale exhaust
exist expand EXPECT expect experience explain explode explore export expose express extend extinguish FACE face fade
fail faint fake fan fancy fascinate fasten favor fax FEAR fear fetch figure FILE file FILL fill film filter FINISH
finish FIRE fire FISH fish fit fix flash flatter flip float flood flow flunk flush focus fold FOLLOW follow FOOL fool
force forecast form fought found frame frighten frown fry fulfill function gain gamble gather gasp gaze generate
giggle glance glow glue gossip govern grab graduate grant greet grieve grin groan GROUP growl guarantee guard GUESS
guess guide HAND hand handle happen harass harm harvest hate haunt HEAD head heal heat HELP help hesitate hike hire
honor honk HOPE hope hug hum hunt HURRY hurry identify ignore illustrate imagine imitate immigrate implore imply
import impose impress improve include increase indicate infect infer inflate influence inform inhale inherit injure
insert insist inspect inspire install insult insure intend interest interfere interpret interrupt interview introduce
invade invent invest investigate invite involve iron irritate itch jerk jog join JOKE joke JUDGE judge JUMP jump
justify KICK kick kid kidnap KILL kill KISS kiss KNOCK knock LABEL lack LAND land last laugh launch leak lecture lick
lift like limit link LIST list listen litter LIVE live load lock LOOK look loosen LOVE love lower lunch maintain
manage MARCH march MARK mark marry massage MATCH match matter measure melt memorize mend mention merge mess migrate
MIND mind mine miss misjudge misspell mix moan mock modify monitor motivate mourn MOVE move mow multiply mumble murder
NAME name need neglect negotiate nod note notice notify obey object oblige observe obtain occupy occur offend OFFER
offer OPEN open operate oppose ORDER order organize overdo overestimate overlook owe own pack PAINT paint panic PARK
park part participate pass paste pause peel peep perceive perform permit persuade phone pick PILE pinch PLACE place
PLAN plan PLANT plant PLAY play plead please pledge plow plug plunge poison point polish pollute ponder pop possess
post postpone pour PRACTICE practice praise pray preach predict prefer prepare prescribe present preserve PRESS press
pretend prevail prevent PRINT print proceed produce progress prohibit project promise promote pronounce propose
protect protest provide provoke publish PULL pull PUMP punch punish purchase pursue PUSH push puzzle qualify quarrel
question QUIET quote race RAIN rain raise reach react realize rebel recall receive recite recognize recommend
reconsider record recover recycle reduce refer reflect refrain refuse regard register regret reject relate relax
release rely remain remark remember remind remove renew renovate rent repair repeat replace REPLY reply REPORT report
represent request require rescue resemble reserve resign resist resolve respect respond REST rest restore restrict
result resume retire retrieve RETURN return reveal reverse review revise revive reward risk roast rob rock ROLL roll
rot row rub ruin rule rush sacrifice sail salute satisfy SAVE save scare scatter scold scratch scream screw SCRUB seal
SEARCH search seat secure seem seize select separate serve settle share shave shelter shift ship shiver shock shop
shout shove SHOWER SIGN sign signal simplify ski skip slam slap slip SLOW slow SMASH smash SMILE smile SMOKE smoke
snap sneeze snore SNOW snow soak solve sort sound spare speculate spoil spot spray squeal squeeze stamp stare START
start starve state STAY stay steer step stir STOP stop store strengthen stress stretch strip stroll struggle STUDY
study stumble submit subscribe substitute succeed suck sue suffer suggest suit supply support suppose surf surpass
surprise surrender surround survive suspect swallow sweat switch sympathize tackle talk tap taste tease telephone
tempt tend terrify TEST test thank threaten tickle tidy tie tighten tip tire toast tolerate TOUCH touch tour trace
trade train transfer transform translate transmit transport trap travel treat tremble trick trim trip trouble TRUST
trust TRY try turn TWIST twist type underestimate undress unfold unite unload unlock unpack untie update urge USE use
utter vacuum vanish vary visit volunteer vomit VOTE vote vow wait walk wander want warm warn WASH wash waste WATCH
watch WATER water wave weaken weigh welcome whisper whistle wink wipe WISH wish wonder WORK work worry worship wrap
wreck yawn yell yield zip adjourn aid allocate attribute bribe budge bluff breathe calibrate cheer chuckle clarify
clutch coincide collide compensate complicate comply conceal conceive confine confiscate confront consent conspire
contemplate convict coincide crave cripple cruise cuddle curl dangle dash dawn deepen deem delight depict detest
devise diagnose dictate diminish disclose discourage discriminate dispute distract distrust double drool dwell
elaborate elapse elope embark enforce enlighten enrich enroll entitle erupt evacuate evolve exaggerate exclude exert
expel exploit expire extract fancy fathom fiddle flap flatten flee flinch flirt forge forward foster fumble gargle
glare gobble google grasp graze hail halt hatch hesitate hover hush imprison inquire isolate jeopardize kneel knit
land leap linger loan long loot lurk mail manufacture meddle mislead mute nag narrow nurse obstruct officiate overflow
overreact oversee overwork pardon park pat patent pave permit pet pilot plot poke polish postpone pity pound prescribe
presume procrastinate prolong prosper quake quiver rattle reassure refill refuel regain rehearse reign rejoice relieve
relocate rename repent replay resent retaliate retain retreat reunite ridicule ripen roam roar saddle sag savor scan
scrape scribble shatter shred shriek shrug sigh simmer sip skate sketch slice sneer sniff sob soar sparkle specialize
spank sprain sprinkle stab stagger stain stall startle stalk steam strangle stroke stutter stun subside summarize
summon supervise suppress swap tame tattle testify text thrive topple torture toss trail translate trespass trigger
triumph tutor twinkle unify unplug unwrap uphold uproot vaccinate value verify violate wag warrant weed whine widen
wither worsen wound wrestle zoom emit bug bore disgust mature rephrase quarrel discount bombard utilize analyse
organise realise recognise apologise criticise memorise practise favour colour honour labour humour behave bind browse
bathe bump chirp click cluster comfort conserve contaminate converge crumble cultivate darken deafen deceive decay
decorate dehydrate delegate demote deploy descend devalue dilute disagree discard disconnect dispose dissolve dodge
doodle drip drive dwindle earn embroider encourage endanger engage erase erode excel exhibit expose falter fascinate
fatigue ferment flicker flourish fluctuate frequent frustrate fuss gallop gleam glitter glorify groom grumble hack
handcuff hibernate hinder hint hurl hustle illuminate immerse impair impede implement incite induce inflict inhabit
inhibit initiate innovate inspire instruct insulate integrate intensify interact intervene intimidate intrigue
irrigate itch jeer jiggle jot juggle knead lament lash lighten lurch magnify manipulate marvel mature maximize mediate
meditate minimize mow multitask navigate nibble nominate nourish nudge obsess omit outlive outnumber overcook
overcharge overlap overtake paddle pamper peek penetrate perish perplex persist pierce pine plagiarize plummet ponder
portray possess pout prick probe prune puff pulverize purify quench quit quiver radiate ramble rant reap recede
recharge reckon reconcile recruit redeem refine reform refrain refrigerate regret relax relish remodel repel replenish
reschedule reside restrain resurrect retell revolve rinse rummage sacrifice sanction sample scald scorn scramble
seduce sense shine shiver shovel shuffle simulate skid sling slouch smear smuggle smother snatch snoop snuggle soften
sour spawn specify spin splash sponsor sprout squander squash squat squeak squint squirm stack stagnate stereotype
stimulate sting stoop straighten strand strangle stretch stride strut subdue subsidize subtract suffocate sulk
sunbathe surge swarm sway swerve swindle swoop tamper tangle taunt tend terminate thaw thicken thunder tighten tingle
toil topple toss tow transcend transplant traumatize trek trot tuck tug tumble twitch unbutton uncover underline
undermine undo unleash untangle unveil urinate usher vex vibrate waddle wail ward warble whack whip whirl whittle
wield wiggle woo border grade wriggle yearn zigzag beware behold abide
"""

THIRD_OF = {"be": "is", "have": "has", "do": "does", "go": "goes"}


def _third(base: str) -> str:
    """The form of he, she and it."""
    if base in THIRD_OF:
        return THIRD_OF[base]
    if base.endswith(("s", "x", "z", "ch", "sh")):
        return base + "es"
    if base.endswith("y") and base[-2] not in "aeiou":
        return base[:-1] + "ies"
    return base + "s"


_forms = [entry.split() for entry in IRREGULAR.replace("\n", " ").split(",")]
_irregular = {base: (past.split("/"), participle.split("/")) for base, past, participle in _forms}

#: verbs as an order gives them; "be", "have" and "do" among them
BASES = frozenset({*_irregular, *REGULAR.lower().split(), "be", "have", "do"})
#: those that often begin a sentence as its subject
NOUNISH = frozenset(word.lower() for word in REGULAR.split() if word.isupper()) | {
    "drink", "sleep", "dream", "fight", "light", "hurt", "bear", "deal", "run", "ride", "ring", "set", "show", "sound",
    "spring", "swing", "wind", "cut", "fall", "lead", "feed", "lie", "saw", "cost", "bet", "mean", "fly", "interest",
    "experience", "exercise", "influence", "trouble", "murder", "travel", "trade", "mine", "iron",
    "paint", "rent", "rule", "rock", "shock", "sign", "ship", "shop", "state", "store", "stress", "surprise", "taste",
    "touch", "train", "trust", "type", "value", "wave", "warm", "welcome", "correct", "secure", "present", "perfect",
    "last", "long", "own", "part", "point", "post", "record", "respect", "lunch", "mail", "text", "double",
    "poison", "rescue", "seat", "wound", "weed", "pity", "narrow", "delight", "honor", "kid", "object", "project",
    "complete", "separate", "spare", "steam", "thank", "found", "ground", "force", "form", "function", "base",
}  # fmt: skip
THIRDS = frozenset(map(_third, BASES))
#: irregular past forms that are no other form of a verb's present: went, saw, made
PASTS = frozenset(form for past, _ in _irregular.values() for form in past) - BASES | {"found", "fought", "saw"}
#: past forms that look like the base: put, cut, read
ALIKE = frozenset(base for base, (past, _) in _irregular.items() if base in past)
#: participles of irregular verbs, whether or not they are the past form, too: gone, made, put
PARTICIPLES = frozenset(form for _, forms in _irregular.values() for form in forms) | {"been", "had", "done"}
#: participles that are no past form: gone, seen
PURE_PARTICIPLES = PARTICIPLES - PASTS - BASES - {"had"}

#: words in -ed that are no past forms, or hardly ever
NOT_PAST = members(
    "bed red need feed seed weed speed indeed hundred naked wicked sacred exceed proceed succeed breed bleed sled "
    "shed wed greed deed reed led fed bred fled sped shred kindred rugged ragged beloved bobsled united biased "
    "infrared inbred"
)


def is_ed(word: str) -> bool:
    """Whether a word has the ending of a regular verb's past."""
    return word.endswith("ed") and len(word) > 3 and word not in NOT_PAST


def is_past(word: str) -> bool:
    """Whether a word is the past form of a verb, where a finite verb is expected."""
    return word in PASTS or is_ed(word)


def is_participle(word: str) -> bool:
    """Whether a word may be a past participle."""
    return word in PARTICIPLES or is_ed(word)
