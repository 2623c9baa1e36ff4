"""Word lists that several rules share. Lower case, as a recogniser writes them."""

from __future__ import annotations

# Names are the same for those who find them and for those who write them with a capital letter.
from worker.redaction.gazetteer import AMBIGUOUS_NAMES as AMBIGUOUS_NAMES
from worker.redaction.gazetteer import FIRST_NAMES as FIRST_NAMES
from worker.redaction.gazetteer import SURNAMES as SURNAMES
from worker.redaction.lexicon import words_of as words_of

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
