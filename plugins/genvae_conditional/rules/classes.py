"""The closed classes of English words that the rules look at. Lower case, as ``words.split`` gives them."""

from __future__ import annotations


def members(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


#: subjects that are a personal pronoun, and what each is called
PRONOUNS = {"i": "I", "you": "you", "he": "he", "she": "she", "it": "it", "we": "we", "they": "they"}
#: those that are never an object
NOMINATIVE = members("i he she we they")

PRESENT = members("is are am 's 'm 're has have 've do does can may must ain need dare isnt")
PAST = members("was were did had")
FUTURE = members("will shall 'll wo sha")  # won't and shan't lose their ending
CONDITIONAL = members("would could should might ought")
BE = members("is are am was were 's 'm 're be ain")
#: what begins a question by changing places with its subject
AUXILIARIES = PRESENT | PAST | FUTURE | CONDITIONAL | {"'d"}
#: finite verbs that nothing else is
DEFINITE = AUXILIARIES - members("'s 'd need dare can may will might must do have had")
#: what an "-s" verb cannot be mistaken for; "can" and "will" are nouns now and then
MODAL = members("can could will would shall should may might must 'll wo ought")

NEGATIVE = members("n't not never no nobody nothing none nowhere neither nor cannot noone")

DETERMINERS = members(
    "a an the this that these those my your his her its our their some any no every each either neither another all "
    "both half many much few several most more whose what which such one two three four five six seven eight nine ten "
    "other enough"
)
POSSESSIVES = members("my your his her its our their whose")

ADVERBS = members(
    "always never ever often sometimes usually seldom rarely hardly barely scarcely just only also too even still yet "
    "already almost nearly really quite rather very so soon now then once twice again perhaps maybe probably "
    "certainly definitely surely simply merely actually finally eventually suddenly immediately quickly slowly "
    "carefully generally normally frequently occasionally recently currently both all each either neither not n't "
    "myself yourself himself herself itself ourselves themselves yourselves instead indeed sure kinda sort kind well "
    "better best long far there here today tonight tomorrow yesterday anymore first last alone together fully truly "
    "about nowadays somehow else though however therefore please half long"
)
#: before a finite verb, between it and its pronoun
BETWEEN = ADVERBS - members("well far today tonight about there here long alone")

#: opens a line and says nothing of its main clause
OPENERS = members(
    "please well oh yes yeah yep yup ok okay so and but or then now hey hi hello sorry maybe perhaps actually anyway "
    "also sadly luckily fortunately unfortunately honestly frankly besides however still therefore thus hence ah aha "
    "ha um uh hmm gee gosh wow alas nope nah alright right indeed too yet finally eventually suddenly obviously "
    "clearly apparently evidently certainly surely probably possibly hopefully personally seriously basically "
    "generally usually sometimes often occasionally recently lately meanwhile afterwards afterward later first "
    "firstly second secondly next lastly instead otherwise moreover furthermore nevertheless nonetheless today "
    "tonight tomorrow yesterday again someday sometime nowadays soon gradually immediately"
)
#: an order may follow these
BEFORE_ORDER = members("just always never kindly first quickly quietly carefully simply")

SUBORDINATE = members(
    "if when while before after because since although though unless until till once as whenever wherever whether "
    "even lest provided given supposing considering whoever whatever whichever where"
)
PREPOSITIONS = members(
    "about above across after against along among around as at before behind below beneath beside besides between "
    "beyond by despite down during except for from in inside into like near of off on onto opposite out outside over "
    "past regarding since than through throughout till to toward towards under underneath until up upon via with "
    "within without according instead thanks due because"
)
RELATIVE = members("who that which whom whose where")
QUESTIONS = members("who what when where why how which whose whom")

INTERJECTIONS = members(
    "wow ouch oh ah hurray hurrah hooray cheers congratulations bravo oops yikes phew hello hi hey goodness bah ugh "
    "gosh yippee hallelujah damn gee"
)

#: adjectives and such that follow "'s" where it is "is"
AFTER_IS = members(
    "glad sorry sure happy sad afraid late early busy tired sick ill angry mad dead alive alone asleep awake hungry "
    "thirsty ready right wrong true good bad great nice fine ok okay cold hot warm cool old young new big small tall "
    "short rich poor hard easy difficult possible impossible important beautiful pretty cute ugly clever smart stupid "
    "lazy strong weak fast slow safe dangerous free full empty open closed clean dirty wet dry dark bright heavy "
    "light weird strange funny crazy nervous worried scared excited bored boring interesting amazing awesome "
    "wonderful terrible awful horrible lovely lonely friendly kind rude polite shy brave honest drunk sober single "
    "married pregnant rare common different same like likely able unable aware upset disappointed surprised confused "
    "lost gone done finished broken fat thin blind deaf loud quiet cheap expensive delicious perfect enough up out "
    "off down over back home here there outside inside away okay still just only also always never often really so "
    "too very quite not n't already almost probably all both pretty no nothing something why what how where who when "
    "because that"
)
PLURALS = members(
    "people children men women police teeth feet mice geese sheep fish deer cattle both many few several others these "
    "those we they you all most some"
)

TIMES = members(
    "night week month year day morning afternoon evening time summer winter spring fall autumn weekend monday tuesday "
    "wednesday thursday friday saturday sunday days years weeks months hours minutes ago later hour minute moment "
    "january february march april may june july august september october november december century"
)
#: how a phrase of time may begin
PERIODS = members("last this that next every one some the each two three a many several these those")
#: what opens a line only before a comma or the start of a clause
MORE = members("right clearly first second once still too later")
#: words in -ing that are no verbs
NO_PARTICIPLES = members("nothing something everything anything during evening morning king")
#: words behind which "'s" is a verb, whatever follows
SHORT = members("that there here what where how when it he she everything nothing something")
#: what a sentence begins with that no order does, though it is a verb
NO_ORDER = members("thank like last own perfect correct present welcome long mean found like can need dare")
#: what comes behind a verb more than behind anything else
ACCUSATIVE = members("me him us them")
OBJECTS = members("the a an my your his her our their this that these those it them me him us")
CLOSED = (
    ADVERBS | AFTER_IS | AUXILIARIES | DETERMINERS | OPENERS | PREPOSITIONS | PRONOUNS.keys() | QUESTIONS | SUBORDINATE
    | NEGATIVE | members("such goodbye than unlike worth half twice god everyone nobody like mom dad")
)  # fmt: skip
FORMULAS = (("look",), ("listen",), ("say",), ("wait",), ("see",), ("come", "on"), ("believe", "me"), ("trust", "me"),
            ("excuse", "me"), ("you", "know"), ("i", "mean"), ("you", "see"), ("of", "course"), ("thank", "you"),
            ("i", "'m", "sorry"), ("pardon", "me"), ("for", "example"))  # fmt: skip
#: determiners that may be a subject by themselves, and those of them that are more than one
ALONE = members("this that one each another neither either these those some all many few most both several")
MANY = members("these those some all many few most both several")
#: those that may also stand behind a subject: her parents both died
AFTERWARDS = members("both each all")
#: auxiliaries that are nouns or other verbs, too
NOUNS = members("can will might must may need do have")
#: conjunctions that may also stand inside a subject: the way from here to where he lives
SPACE = members("as before after since until where once even")
NO_ADVERBS = members("reply apply family rely supply multiply comply italy july assembly")
