"""Word lists that several rules share. Lower case, as a recogniser writes them."""

from __future__ import annotations


def words_of(text: str) -> frozenset[str]:
    """The words of a list that is written as one text."""
    return frozenset(text.split())


WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)

WH_WORDS = words_of("what when where which who whom whose why how")
PRONOUNS = words_of("i you he she it we they there")
AUXILIARIES = words_of(
    """
    can could will would shall should may do does did is are am was were have has had might must
    """
)
LEAD_INS = words_of(
    """
    and but so or okay ok alright right well now um uh er yeah yes no hi hello hey sorry then also oh sure
    """
)

# First names that are hardly ever anything else, so that they are names wherever they stand.
FIRST_NAMES = words_of(
    """
    aaron abigail adam adrian ahmed aisha alan albert alejandro alex alexander alexandra alexis alice alicia
    allison amanda amber amy ana andrea andrew angela anita ann anna anne anthony antonio arthur ashley
    barbara beatrice benjamin beth betty beverly bradley brandon brenda brian bruce bryan camila carl carla
    carlos carmen carol caroline carolyn catherine charles charlotte cheryl chloe chris christian christina
    christine christopher cindy claire clara claudia colin connor cynthia daniel daniela danielle david
    deborah denise dennis derek diana diane diego dmitri dominic donald donna doris dorothy douglas dylan
    edward eileen elena eleanor elizabeth ellen emily emma eric erica erik ethan eugene evelyn fatima fernando
    fiona frances francesca francisco gabriel gareth gary george gerald gloria gordon greg gregory hannah
    harold harriet heather helen henry howard ian ibrahim ines irene isaac isabel isabella ivan jacob
    jacqueline james jamie jan jane janet janice jason javier jeffrey jennifer jenny jeremy jerry jessica jim
    joan joanna joe joel john johnny jonathan jordan jorge jose joseph joshua joyce juan judith judy julia
    julian julie justin karen katherine kathleen kathryn katie keith kelly kenneth kevin kim kimberly kumar
    kyle larry laura lauren lawrence leo leonard liam linda lisa logan lori louis louise lucas lucy luis luke
    madison manuel marcus margaret maria marie marilyn mario martha martin mary mateo matthew megan melanie
    melissa michael michelle miguel mike mohamed mohammed monica nancy naomi natalie nathan nicholas nicole
    nigel noah nora oliver olivia omar oscar pamela patricia patrick paul paula pedro peter philip phillip
    phyllis priya rachel rajesh ralph ramesh raymond rebecca ricardo richard robert roberto robin roger ronald
    rosa ruth ryan samantha samuel sandra sanjay sara sarah scott sean sharon shirley simon sofia sophia
    sophie stanley stephanie stephen steve steven stuart susan suresh teresa theresa thomas timothy tina todd
    tracy trevor tyler valerie vanessa veronica victor victoria vincent virginia walter wayne wendy william
    yolanda yusuf zachary zoe
    """
)
# Names that are words as well: names only after "my name is", or when written with a capital letter inside a sentence.
AMBIGUOUS_NAMES = words_of(
    """
    april art august ben bill bob brad chase chuck daisy dawn dean don drew faith frank gene glen grace grant
    guy hope jack jay jean joy june lance lee lily mark max may miles nick norm pat pearl penny ray rich rob
    rod rose roy ruby sam summer sue ted tim tom tony violet wade ward will
    """
)
SURNAMES = words_of(
    """
    adams ahmed ali allen anderson bailey baker barnes bell bennett brooks brown bryant butler campbell carter
    chen clark coleman collins cook cooper cox cruz davies davis diaz edwards evans fernandez fischer fisher
    flores foster garcia gomez gonzalez graham green griffin gupta hall hamilton harris harrison hayes
    henderson hernandez hill hughes hussain jackson jenkins johnson jones kelly khan kim kumar lewis long
    lopez marlow marshall martin martinez miller mitchell moore morales morgan morris murphy murray nelson
    nguyen ortiz owens parker patel patterson perez perry peterson phillips powell price ramirez reed reyes
    reynolds richardson rivera roberts robinson rodriguez rogers ross russell sanchez sanders schmidt scott
    shah sharma silva simmons singh smith snyder stevens stewart sullivan taylor thomas thompson torres tran
    turner wagner walker wallace washington watson weber west williams wilson wood wright young
    """
)
# After "my name is" these say that no name follows.
NOT_A_NAME = words_of(
    """
    a an the my your his her our their this that it not on in at of for to from with and or but so is are was
    were be been am i you he she we they just very really also still already going calling looking trying
    having here there what spelled unable able sure sorry happy glad afraid fine good great well okay ok under
    actually listed registered um uh
    """
)

STOP_WORDS = (
    WH_WORDS
    | PRONOUNS
    | AUXILIARIES
    | LEAD_INS
    | NOT_A_NAME
    | words_of(
        """
    about above across after again against ago all almost along always another any anybody anyone anything
    anyway around as away back because before being below between both bit by cannot case cause come comes
    coming course day days different doing done down during each either else end enough even ever every
    everybody everyone everything exactly far few first get gets getting give gives given go goes gone gonna
    got gotta great guess guys half happen happened having hear heard help her here hers herself him himself
    his hold hour hours however if into its itself kind know known last later least less let lets like likely
    little long look looks looked lot lots made make makes making many matter maybe me mean means mine minute
    minutes moment month months more morning most much must myself name need needed needs never new next nice
    nobody none nothing number of off often old once one ones only other others ours ourselves out over own
    part people per perfect perhaps person place please pretty probably problem put quick quickly quite rather
    reach real regarding said same saw say saying says second seconds see seem seems seen send set several
    shall show simply since some somebody someone something sometimes somewhere soon sort speak speaking start
    started still stop stuff such take taken takes taking talk talking tell than thank thanks them themselves
    then these thing things think thinking this those though thought three through time times today together
    told tomorrow tonight too took totally tried try turn two under understand until up upon us use used using
    usually wait want wanted wants was way week weeks went while whole will wish within without wonder word
    work working works would wrong year years yesterday yet yours yourself four five six seven eight nine ten
    zero hundred thousand afternoon evening welcome absolutely appreciate apologize apologies bye goodbye
    check checking confirm call called ask asked asking keep kept leave left found find feel felt believe hope
    sounds sound bring brought gave ready able available fine bad big small best better hello sir madam ma'am
    love hate ahead anymore whether able send sent sending email
    """
    )
    | frozenset(WEEKDAYS)
    | frozenset(MONTHS)
)
