"""The common words of English: what a name is told from when capital letters do not tell it."""

from __future__ import annotations

from typing import Final

from worker.redaction import lexicon
from worker.redaction.lexicon import words_of

FUNCTION_WORDS: Final = words_of(
    """
    a about above across after again against ago ah all almost alone along already alright also although always am
    among an and another any anybody anymore anyone anything anyway anywhere apart are aren't around as ask at away
    back be became because become been before behind being below beneath beside besides between beyond both but by bye
    can can't cannot could couldn't despite did didn't do does doesn't doing don't done down during each either else
    enough er even ever every everybody everyone everything everywhere except few first for former forth from further
    gonna goodbye gotta had hadn't has hasn't have haven't having he he'd he'll he's hello hence her here here's hers
    herself hey hi him himself his hmm how however i i'd i'll i'm i've if in indeed inside instead into is isn't it
    it'd it'll it's its itself just kinda last latter least less lest let let's like likely little lot lots ma'am
    madam many may maybe me meanwhile might mine mister more moreover most mostly much must my myself namely near
    nearly neither never nevertheless next no nobody none nonetheless nor not nothing now nowhere of off often oh ok
    okay on once one ones only onto or other others otherwise ought our ours ourselves out outside over own per
    perhaps please plus probably quite rather really right same say says second see seems several shall she she'd
    she'll she's should shouldn't since sir so some somebody somehow someone something sometimes somewhat somewhere
    soon sorry still such sure than thank thanks that that'd that'll that's the their theirs them themselves then
    there there's therefore these they they'd they'll they're they've thing things this those though through
    throughout thus till to today together tomorrow tonight too toward towards uh um under unless until up upon us
    usually very via wanna was wasn't we we'd we'll we're we've well were weren't what what's whatever when whenever
    where where's wherever whether which while who who'd who'll who's whoever whole whom whose why will with within
    without won't would wouldn't yeah yep yes yesterday yet you you'd you'll you're you've your yours yourself
    yourselves
 """
) | frozenset(lexicon.NUMBER_WORDS)

COMMON_WORDS: Final = (
    FUNCTION_WORDS
    | lexicon.PLAIN_WORDS
    | words_of(
        """
    able abroad absolute accept access accident accord account achieve act action active activity actual ad add
    addition address admin admit adult advance advantage advice advise affair affect afford afraid afternoon age
    agency agent agree ahead aid aim air airline airport alarm allow amaze amex amount analysis analyst angle angry
    animal annoy annual answer anxious apartment api apologize apology app appear apple application apply appointment
    appreciate approach appropriate approve approx april apt area argue arm arrange arrive art article aside assess
    asset assist assistant associate assume assure atm attach attack attempt attend attention attorney audio august
    aunt authority auto automatic available ave average avoid aware awesome awful baby background bad bag balance ball
    ban bank bar base basic basis bathroom battery battle beach bear beat beautiful bed bedroom beer begin begun
    behavior believe belong benefit best bet better bid big bike bill billion bind bird birth birthday bit bite black
    blame block blood blow blue board boat body book boom boot border bored born borrow boss bother bottle bottom
    bought box boy brain branch brand break breakfast breath bridge brief bright bring broad broke broken brother
    brought brown browser budget bug build built bulk bunch burn bus business busy button buy cable cake calendar call
    calm came camera camp campaign cancel cancer candidate cap capable capital caption car card care careful carrier
    carry case cash cast cat catch cause caution cell cent center central century ceo certain cfo chain chair chairman
    challenge chance change channel chapter character charge chat cheap check checkout chicken chief child children
    choice choose chose chosen chunk church circle city claim class clean clear clerk click client climb clinic clock
    close cloth clothes cloud club clue code coffee cold collect college color com come comfort command comment commit
    commitment committee common community company compare compete complain complete complex computer concern condition
    confirm confuse connect consider consist constant consult consumer contact contain content continue contract
    contrast contribute control conversation cool copy corner corporate correct cost could council count counter
    country county couple coupon courage course court cousin cover crazy create credit crew crime critical cross crowd
    cry culture cup curious currency current customer cut cvv cycle dad daily damage danger dark data date daughter
    day dead deal dealer dear death debit debt december decide decision declare decline deep default defend degree
    delay delete deliver delivery demand deny department depend deposit describe desk detail determine develop device
    dial die diet differ different difficult digit dinner direct direction director dirty disappoint discount discuss
    disease display dispute distance doctor document dog dollar door dot double doubt downtown dr draft drag draw
    dream dress drink drive driver drop drove drug dry due dumb duty ear early earn ease east easy eat economy edge
    edit education effect effort eight election electric elevator email emergency employ employee employer empty
    enable encourage end energy engage engine engineer enjoy enormous enter entire entry environment equal error
    escape especial establish estate estimate etc evaluate evening event evidence exact exam example excellent
    exchange excite excuse executive exercise exist exit expect expensive experience expert expire explain export
    express extend extension extra extreme eye face fact factor factory fail fair fall false familiar family famous
    fan fantastic faq far fast fat father fault favor favorite fax fear feature february fed fee feed feedback feel
    feet fell felt field fifth fight figure file fill film final finance find fine finger finish fire firm fish fit
    five fix flat flight floor flow fly focus folk follow food foot football force foreign forever forget forgot
    forgotten form formal forward found four fourth frame free freeze french frequent fresh friday friend front fruit
    frustrate fuel full fun function fund funny furniture future gain game garage garden gas gate gather gave general
    gentle gentleman get gift girl give given glad glass gmail go goal god goes going gold gone good goodness got
    gotten govern government grade grand grandfather grandmother great green greet grew gross ground group grow
    guarantee guard guess guest guide guy habit hair half hall hand handle hang happen happy hard hardware hat hate
    head headset health hear heard heart heat heavy height held help hidden high hill hire history hit hold hole
    holiday home honest honey hope horrible horse hospital host hot hotel hotmail hour house household hr http huge
    human hundred hung hurry hurt husband iban ice id idea identify identity ignore ill image imagine immediate impact
    import important impossible impress improve inbox inch incident include income increase incredible independent
    indicate individual industry influence inform information initial input inquire inquiry inspect install instance
    instant institute instruct insurance insure integer intend intent interest interview introduce invest investigate
    invite invoice involve ip iron issue item january job join joint joke judge july jump june junior justice keep
    kept key keyboard kick kid kill kind kitchen knew knock know known lab label labor lack lady lake land landline
    language laptop large late later laugh launch law lawyer lay lead leader leaf league learn lease leave led left
    leg legal lend length lesson letter level liberty license lie life lift light limit line link list listen live
    load loan local locate location lock log login logo long look loose lose loss lost loud love lovely low luck lucky
    lunch machine mad made magazine mail main maintain major make male mall man manage management manager manner
    manual map march margin mark market marriage marry mass massive master match material matter maximum mayor meal
    mean meant measure meat media medical medicine medium meet member memory men mention menu merchant mess message
    met metal method middle midnight mile military milk million mind minimum minor minute miracle mirror miss missing
    mistake mix mobile mode model modern modify mom moment monday money monitor month monthly mood moon morning
    mortgage mother motion motor mountain mouse mouth move movement movie mr mrs ms multiple music name narrow nation
    national natural nature necessary neck need negative neighbor nervous net network news nice night nine noise noon
    normal north northeast nose note notice notify november nuclear number numerous nurse object obtain obvious
    occasion occur ocean october odd offer office officer official oil old online open operate operation operator
    opinion opportunity opposite option orange order ordinary organic organization organize origin original outage
    output outstanding overall overnight owe owner pack package packet page paid pain paint pair panel panic paper
    parcel pardon parent park part participate particular partner party pass passenger passport password past paste
    patch path patience patient pattern pause pay payment payroll pdf peace pen pending people percent perfect perform
    period permanent permission permit person personal phase phone photo phrase physical pick picture piece pilot pin
    pipe place plan plane plant plastic plate platform play player plenty plug plural pocket point police policy
    polite pool poor pop popular population port portal position positive possible post potential pound power practice
    prefer premium prepare prescribe prescription present president press pressure pretty prevent previous price
    primary print prior private prize problem procedure proceed process processor produce product profession
    professional profile profit program progress project promise promo promote promotion proof proper property
    proposal propose protect protection proud prove provide provider public publish pull purchase purpose push put
    qualify quality quarter queen query question queue quick quiet quit quote race radio rain raise ran range rapid
    rate rd reach react read ready real realize reason reboot recall receipt receive recent reception recipe recognize
    recommend record recover red redeem reduce refer reference refill refresh refund refuse regard region register
    regular reject relate relation relative release relief rely remain remember remind remote remove renew rent repair
    repeat replace reply report represent representative republic reputation request require research reserve reset
    reside resident resolve resource respect respond response responsible rest restart restaurant restore result
    retail retire return revenue reverse review reward rid ride ridiculous ring rise risk river road rock role roll
    roof room rough round route router routine row rule run rush sad safe safety said salary sale salesman sat satisfy
    saturday save saw scale scan scared scary scene schedule scheme school science score screen script search season
    seat secondary secret secretary section secure security seek seem seen select self sell send senior sense
    sensitive sent sentence separate september serial series serious serve server service session set settle setup
    seven severe shape share sharp shift ship shirt shock shoe shop short shot show shower shown shut sick side sign
    signal signature silence silly silver similar simple single sister sit site situation six size skill skin skip
    sleep slight slip slow small smart smell smile smoke smooth sms snow social society soft software sold solid
    solution solve son song sort sound source south southeast southwest space spare speak special specialist specific
    speech speed spell spend spent split spoke spoken sport spot spouse spread spring square ssn st staff stage stairs
    stand standard star start state statement station status stay steal step stick stock stolen stomach stone stood
    stop storage store storm story straight strange strategy stream street strength stress strict strike string strong
    structure struggle student studio study stuff stupid style subject submit subscribe subscription succeed success
    sudden suffer suggest suit suite sum summary summer sun sunday super supervisor supply support suppose surface
    surgery surprise survey suspect suspend swap sweet switch symbol system table tag take taken talk tall tank tape
    target task taste tax taxi teach teacher team tech technical technician technology tell ten tend term terrible
    terrific territory test text theater theory thick thin think third thirty thought thousand three threw throw
    thursday ticket tie tight time tip tire title toe told tone took tool tooth top topic total touch tough tour town
    toy track tracker trade traffic train transaction transfer transit translate transport trash travel treat
    treatment tree trial trick trip trouble truck true trust truth try tuesday turn tv twelve twice two type typical
    ugly ultimate unable uncle understand understood unfortunate union unique unit university unknown unusual update
    upgrade upload upper upset urgent url usb use used user usual vacation valid valuable value van various vast
    vehicle vendor verify version vet victim video view village violence virus visa visit visitor voice voicemail void
    volume vote voucher vpn wage wait wake walk wall want war warehouse warm warn warranty wash waste watch water wave
    way weak wear weather web website wedding wednesday week weekend weekly weight weird welcome went west wet
    whatsoever wheel white wide wife wifi wild willing win wind window wine winner winter wire wireless wise wish
    withdraw woke woman women won wonder wonderful wood word wore work worker world worry worse worst worth wow write
    written wrong wrote www yard year yellow young zero zone
 """
    )
)

_NO_NAME_ENDS: Final = (
    "ous",
    "ful",
    "less",
    "able",
    "ible",
    "tion",
    "sion",
    "ment",
    "ness",
    "ity",
    "ively",
    "ally",
    "ically",
)
_INFLECTIONS: Final = (
    "s",
    "es",
    "ed",
    "d",
    "ing",
    "ly",
    "er",
    "ers",
    "est",
    "n't",
    "'ll",
    "'ve",
    "'re",
    "'d",
    "'s",
    "y",
    "ies",
)


def is_common(word: str) -> bool:
    """Whether ``word``, in lower case, is a common word of English or is built like one."""
    if word in COMMON_WORDS:
        return True
    word = word.replace("’", "'")
    for ending in _INFLECTIONS:
        root = word.removesuffix(ending)
        if root != word and len(root) > 1 and (root in COMMON_WORDS or f"{root}e" in COMMON_WORDS):
            return True
        if root != word and len(root) > 3 and root[-1] == root[-2] and root[:-1] in COMMON_WORDS:
            return True
        if ending == "ies" and root != word and f"{root}y" in COMMON_WORDS:
            return True
    return len(word) > 5 and word.endswith(_NO_NAME_ENDS)
