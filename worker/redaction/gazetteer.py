"""Names that people have, in several cultures, and the words of English that are no names. Lower case.

The lists are our own: common names of the United States, Britain, Ireland, France, Germany, Italy, Spain and Latin
America, Portugal and Brazil, the Netherlands, Scandinavia, Poland and Russia, the Arab world, Iran, Turkey, South Asia,
China, Japan, Korea, Vietnam, the Philippines and Africa, as they are written in English. Accents are left out.
"""

from __future__ import annotations

from typing import Final

from worker.redaction.lexicon import phrases_of, words_of

FIRST_NAMES: Final = words_of(
    """
    aaliyah aaron abby abdul abdullah abena abigail abraham adam adebayo adele adeline adrian adriana adriano agata
    agnes agnieszka ahmad ahmed aidan aiko aileen aisha aisling akira akua alan alana alastair albert alberto alec
    alejandra alejandro aleksander aleksandra alessandra alessandro alessia alex alexa alexander alexandra alexandre
    alexei alexia alexis alfonso alfred alfredo ali alice alicia alina alison allan allison alma alonso alvaro alyssa
    amanda amara amber amelia amelie amina amir amira amit amol amy ana anand anastasia andre andrea andreas andrei
    andrew andrzej andy aneta angela angelica angelina angelo angus anika anil anita anja ann anna annabel anne
    annette annie ansel anthony antoine anton antonia antonio anya aoife archie ariana ariel arjun armando arnold
    arthur arturo arun ashley ashok asif astrid audrey aurora austin ava axel ayesha ayo aziz barbara barnaby barry
    bartosz beatrice beatriz becky belinda ben benedict benjamin bernadette bernard bernardo bernd bert bertha beth
    bethany betsy betty beverly bianca bjorn blanca bob bogdan bonnie boris brad bradley brandon branislav brenda
    brendan brent brett brian brianna bridget brigitte bruce bruno bryan bryce caitlin callum calvin camila camilla
    camille carina carl carla carlo carlos carly carmen carol carolina caroline carolyn carrie casey cassandra
    catalina caterina catherine cathy cecilia cedric celeste celia celine cesar chad chandra chantal charles charlie
    charlotte chelsea cheng cheryl chiara chidi chika chinedu chloe chris christian christiane christina christine
    christoph christophe christopher chukwuemeka cian ciara cindy claire clara clarence clarissa claudia claudio claus
    clemens clement clifford clive clyde colette colin colleen connie connor conor constance cora cordelia corinne
    cornelia cory courtney craig cristian cristina curtis cynthia cyril dagmar damian damien dan dana daniel daniela
    daniele danielle danny daphne daria darius darlene darren dave davi david davide dawid debbie deborah declan deepa
    deepak deirdre delia delphine denis denise dennis derek dermot derrick desmond devon dexter diana diane diego
    dieter dilip dimitri dina dinesh dmitri dolores dominic dominik dominika dominique donald donna dora doreen doris
    dorothea dorothy doug douglas dustin dylan eamon ebony eddie edgar edith edmund eduardo edward edwin eileen elaine
    eleanor elena eleni elias elif elijah elisa elisabeth elise elizabeth ella ellen ellie elliot elliott elsa elsie
    elvira emanuel emeka emil emilia emilio emily emma emmanuel emre enrique enzo eric erica erich erik erika erin
    ernest ernesto erwin esme esmeralda esteban estelle esther ethan ethel etienne eugene eugenia eunice eva evan
    evelyn ewa fabian fabienne fabio fatima fatou federica federico felicia felicity felipe felix ferdinand fernanda
    fernando filip fiona florence florian francesca francesco francine francis francisco franco francois francoise
    franz freddie frederick frederik freya frieda fritz gabriel gabriela gabriele gabriella gabrielle ganesh gareth
    gary gavin gemma genevieve geoffrey george georgia georgina gerald geraldine gerard gerhard gertrude giacomo
    gianluca gianni gilbert giles gina giorgia giorgio giovanna giovanni gisela giulia giuseppe gladys glen gloria
    gonzalo gopal gordon graeme graham greg gregor gregory greta gretchen grzegorz guadalupe guido guillaume guillermo
    gunnar gunther gustav gustavo gwen gwendolyn habib hamid hamza hana hanna hannah hannes hans harish harold harriet
    harry haruki haruto hassan hayley hazel heather hector heidi heike heinrich helen helena helene helga helmut henri
    henrietta henrik henry herbert herman hilary hilda hina hiroshi holger horst howard hubert huda hugh hugo hussein
    ian ibrahim ida ifeoma ignacio igor ilona imani imogen imran ines inga inge ingrid ioana irena irene irina irma
    isaac isabel isabella isabelle isaiah isla ismail ivan ivana ivo ivy jacek jackie jaclyn jacob jacqueline jacques
    jade jaime jakob jakub jamal james jamie jan jana jane janet janice janina janine jared jarek jasmine jason jasper
    javier jeanette jeanne jeff jeffrey jelena jennifer jenny jens jeremiah jeremy jerome jerry jesse jessica jesus
    jill jim jimena jimmy jin joachim joan joana joanna joanne joao joaquin jocelyn jodie joe joel joelle joerg johan
    johann johanna johannes john johnny jon jonas jonathan jordan jorge jose josef josefina joseph josephine josh
    joshua josie joyce juan juana juanita judith judy jules julia julian juliana julie juliet julio julius jun junko
    jurgen justin justine justyna kaitlyn kamal kamala kamil karen karim karin karina karl karla karolina kasia
    katarina katarzyna kate katherine kathleen kathryn kathy katie katja katrin katrina kavita kayla kayode kazuki
    keiko keith kelly kelsey ken kendra kenji kenneth kerry kerstin kevin khadija khalid kieran kim kimberly kirsten
    klaus kofi konrad konstantin kristen kristina kristof krystyna krzysztof kumar kurt kwame kyle kylie lachlan
    lakshmi lamar lana larissa larry lars latisha latoya laura lauren laurence laurent lavinia lawrence layla leah
    leandro lech leila lena lenny leo leon leona leonard leonardo leonie leopold leroy leslie leticia levi lewis liam
    lidia liesel lila liliana lillian linda lindsay lindsey linh lionel lisa lise lloyd logan lola lorena lorenzo
    loretta lori lorraine louis louisa louise luc luca lucas lucia luciana lucie lucille lucinda lucy ludmila ludwig
    luigi luis luisa lukas lukasz luke luna luther lydia lynn mabel maciej mackenzie maddie madeleine madeline madhuri
    madison mads magda magdalena magnus mahmoud malcolm malgorzata malik mallory mandy manfred manoj manuel manuela
    marcel marcela marcelo marcia marcin marco marcos marcus marek margaret margarita margot marguerite maria mariah
    mariam mariana marianne marie mariella marilyn marina mario marion marisa marisol marius marjorie marko marlene
    marta martha martin martina marvin mary maryam masha massimo mateo mateus mateusz mathias mathilde matilda matt
    matteo matthew matthias mattias maureen maurice mauricio max maxim maxime maximilian maya mayumi megan mehmet mei
    melanie melinda melissa melody mercedes meredith mia michael michaela michal michel michele michelle miguel mihai
    mika mike mikhail mila milan mildred milena milos mina ming miranda miriam miroslav mitchell mohamed mohammad
    mohammed mohit moira molly mona monica monika monique morgan morgana moritz moses muhammad muriel murray mustafa
    myra myriam nadia nadine naomi natalia natalie natasha nathalie nathan nathaniel naveen neha neil nelson ngoc
    ngozi niall niamh nicholas nicki nico nicola nicolas nicole nigel nikhil nikita nikolai nikolaus nils nina nisha
    nkechi noah noel noelle noemi nora norbert noreen norma norman nuno obinna octavia odette olaf oleg olena olga
    oliver olivia olivier olu oluwaseun omar omer ophelia orla orlando oscar oskar osman otto owen pablo pamela paola
    paolo parvati patricia patricio patrick patrik patty paul paula paulina pauline paulo pavel pawel pedro peggy
    penelope percy pete peter petra petros philip philippa philippe phillip phoebe phyllis pia pierre pilar piotr
    pooja prakash pranav praveen precious preethi priscilla priya quentin quincy rachel rafael rafal raghav rahul raj
    rajesh rajiv ralf ralph ramesh ramon ramona rana randall randy ranjit raphael rashid raul ravi raymond rebecca
    regina reginald reinhard remi renata renate rene renee reza rhonda ricardo riccardo richard rick ricky rita robert
    roberta roberto robin rocio roderick rodney rodrigo roger rohan rohit roland rolf romain roman romeo ron ronald
    ronan ronnie rosa rosalie rosalind rosanna rosario roseanne rosemary rosie ross rowan roxana roxanne roy rudolf
    rudolph rudy rupert russell ruth ryan sabine sabrina sadie saeed sakura salim sally salma salvador sam samantha
    samir samira samson samuel sandeep sandra sandy sanjay santiago sara sarah sasha saskia satoshi scott sean
    sebastian selena selma serena sergei sergio seth shane shania shannon shanti sharon sharonda shaun shawn sheila
    shelby sherry shirley shivani shreya shu sibusiso sidney siegfried sigrid silas silke silvia simon simona simone
    siobhan sipho slavica sofia sofie solomon sondra sonia sonja sophia sophie soren soumya stacey stan stanislav
    stanley stefan stefania stefano stella stephan stephanie stephen steve steven stuart sunil sunita suresh susan
    susanna susanne suzanne sven svetlana swati sybil sylvester sylvia sylvie tabitha tadeusz takashi takeshi tamara
    tamika tamsin tanja tanya tara tariq tasha tatiana tatjana tatyana taylor ted teodora terence teresa terrence
    tessa thabo thandi thandiwe thelma theo theodora theodore theresa therese thierry thomas thorsten tiago tiffany
    tilda tim timo timothy tina tobias todd tom tomas tomasz tommy toni tony tonya torsten tracey tracy travis trevor
    tricia trisha tristan tunde tyler tyrone ulrich ulrike umar ursula usha uwe valentin valentina valeria valerie
    vanessa vanya vasily vera vernon veronica veronika victor victoria vijay vikas vikram viktor vincent vincenzo
    viola virginia vishal vito vivian viviana vivien vladimir vusi waleed walter wanda wanjiku warren wayne wei wendy
    werner wesley wilfred wilhelm willem william wilma winston wojciech wolfgang xavier xiaoming ximena yan yannick
    yara yasir yasmin yasmine yasuko yetunde yevgeny yoko yolanda yousef yuki yuri yusuf yvette yvonne zachary zahra
    zainab zara zeke zelda zeynep zoe zoltan zsofia zuzana anneliese meera brooke
 """
) - words_of("ebony ivy jade luna precious roman sandy viola")
"""First names that are hardly ever anything else, so that they are names wherever they stand."""

AMBIGUOUS_NAMES: Final = words_of(
    """
    angel april art ash august autumn bar basil bay ben bill blake bob brad brook buck carter chance charity chase
    chip chuck clay cliff colt daisy dale dan dawn dean destiny dick don dot drew duke earl ebony eve faith fern flora
    ford frank gale gay gene ginger glen grace grant guy harmony heath holly hope hunter iris ivy jack jade jasper jay
    jean jewel joy june junior kit lance lane laurel lee lily lincoln luna mac major marina mark marsh mason max may
    melody mercy merry miles misty nick norm olive opal parker pat patience pearl peg penny pepper phil pierce piper
    poppy precious prince queen rain randy raven ray reed rex rich river rob robin rocky rod roman ron rose roy ruby
    rusty sage sam sandy sky star sterling sue summer sunny ted terry tim tom tony trinity troy van viola violet wade
    ward wes will winter woody
 """
) - words_of("jasper robin ben bob brad dan glen ron roy sam ted tim tom tony bar lane")
"""Names that are words as well: names only after "my name is" and the like, or with a capital letter in a sentence."""

SURNAMES: Final = words_of(
    """
    abbott abdi abdullah abe abrams acosta adams adeyemi adler agarwal aguilar ahmed akhtar albrecht alexander ali
    allen almeida alonso alvarez amin andersen anderson andersson andrews antonov aoki archer arias armstrong arnold
    asante ashton atkinson aydin ayers babu bach bailey bajwa baker balogun banerjee banks barber barker barnes
    barnett barrett barry bartlett barton bates bauer baxter beck becker begum bell benitez bennett benson berg berger
    bergmann bernard bhatt bianchi bishop black blackwell blair blanc blanco boateng bond booth bos bose boucher bowen
    bowman boyd boyle bradford bradley brady brandt braun brennan brewer briggs brooks brown bruno bryant buchanan
    buckley burgess burke burns burton bush butler byrne cabrera cain calderon callahan cameron campbell campos cannon
    cardenas carey carlson carpenter carr carrillo carroll carson carter carvalho castillo castro cervantes chan
    chandler chang chapman chatterjee chavez chen cheng cho choi chopra chou choudhury chowdhury christensen chu chung
    clark clarke clayton clemens cohen cole coleman collins conley connolly contreras conway cook cooke cooper
    copeland corbett cordova correa cortes cortez costa costello cox craig crawford cross cruz cunningham curry curtis
    dalton daniels das davidson davies davis dawson deleon delgado dempsey desai diallo dias diaz dickson diop dixon
    do dogan doherty dominguez donnelly donovan doyle drake dubois dudley duffy dunbar duncan dunn dupont durand dutta
    duval dvorak dyer eaton edwards egan eliasson elliott ellis emerson eriksen eriksson escobar espinoza estrada
    evans farrell faulkner fay ferguson fernandes fernandez ferrari ferreira figueroa fischer fisher fitzgerald
    fleming fletcher flores flynn foley fontaine forbes foster fournier fowler fox francis franco francois franklin
    fraser frazier freeman frey friedman fuchs fujita fuller gallagher gallo galvan garcia gardner garner garrett
    garrison garza gauthier george ghosh gibbs gibson gilbert giordano giroux goldberg goldman goldstein gomes gomez
    goncalves gonzales gonzalez goodman goodwin gordon goswami graham graves gray green greene greer gregory griffin
    griffith gross gruber guerrero guevara gunther gupta gustafsson gutierrez guzman haas haddad hahn hale hall
    hamilton hammond han hancock hansen hanson haque harding hardy harper harrell harris harrison hart hartley
    hartmann harvey hashimoto hassan hawkins hayashi hayes haynes healy hector hedlund henderson hendricks henriksen
    henry hernandez herrera herrmann hess hicks higgins hill hinton ho hoang hobbs hodges hoffman hoffmann hogan
    holland holmes holt hopkins horn horton horvat hossain houston howard howe huang huber hudson huerta huff hughes
    hunt hunter hussain hussein hutchinson hwang hyde ibarra ibrahim iglesias ingram ishikawa islam ito ivanov ivanova
    iyer jackson jacobs jacobson jahn jain jamal james jansen jansson jarvis jenkins jennings jensen jimenez johansen
    johansson johns johnson johnston jones jordan joseph juarez jung kamara kamau kang kapoor kato kaufman kaur kay
    keating keller kelley kelly kemp kennedy kenny kent kerr khalil khan khanna khumalo kiefer kim kimani kimura king
    kipkorir klein knight knox kobayashi koch koh kovacs kowalska kowalski kozlov kramer krause krishnan kristensen
    kruger kumar kurz kuznetsov kwon lam lambert lane lang lange larsen larson lau laurent lawrence lawson le leblanc
    lee lehmann leitner lemoine leon leonard leroy leung levin levine levy lewandowski lewis li lim lin lindberg
    lindgren lindqvist lindsey liu lloyd logan lombardi long lopes lopez lowe lozano lucas lucero ludwig luna lund
    lundberg luo lynch lyons ma macdonald mackay mackenzie maclean madsen mahmoud maier maldonado malik maloney
    mancini mann manning marino marlow marquez marsh marshall martin martinez martini martins mason matsumoto matthews
    maurer maxwell mayer mbeki mcbride mccall mccann mccarthy mccormick mccoy mcdaniel mcdonald mcgee mcgrath mcguire
    mckay mckenna mckenzie mckinney mclaughlin mclean mcmahon mcmillan mcnamara medina mehta mejia melendez mendes
    mendez mendoza mensah mercado mercer meyer meyers michaels miles miller mills miranda mishra mitchell mitra
    miyamoto mohamed mohammed molina moller monroe montgomery montoya moody mookerjee moon moore mora morales moran
    moreau moreno moretti morgan mori morris morrison morrow morton moser moss moyo mueller mukherjee muller munoz
    murphy murray mwangi myers naidoo nair nakamura narayan nash navarro ndlovu neal nelson neumann newman newton ng
    ngo nguyen nicholson nielsen nilsson nkosi noble nolan norris norton novak nowak nunez nyambura nygaard obi obrien
    oconnor odonnell odonoghue oduya ogawa ogden ohara okada okafor okeke okonkwo okoro olivares oliveira oliver olsen
    olson olsson oneal oneill ono onyango orr ortega ortiz osborne osei osman otieno ouattara owens owusu ozturk pace
    pacheco padilla page palmer pan pandey papadopoulos park parker parks parsons patel patil patterson patton paul
    payne pearce pearson pedersen pena pereira perera perez perkins perry peters petersen peterson petit petrov
    petrova pfeiffer pham phan phelps phillips pierce pineda pinto piotrowski pittman poole pope popescu porter potter
    powell powers prasad pratt preston price prince pugh quinn rahman ramirez ramos ramsey randall rao rasmussen ray
    raymond reddy reed rees reese reeves reid reilly reis reyes reynolds rhodes ribeiro ricci rice rich richards
    richardson richter riley rios rivas rivera rivers robbins roberts robertson robinson robles roche rodgers
    rodrigues rodriguez rogers rojas roman romano romanov romero rosales rosario rose rosen rosenberg ross rossi roth
    roux rowe roy rubio ruiz rush russell russo ruth ryan saito sakamoto salas salazar saleh salinas samuels san
    sanchez sanders sandoval sanford santana santiago santos sanz sasaki sato saunders sawyer schaefer schmid schmidt
    schmitt schmitz schneider schofield scholz schreiber schroeder schubert schultz schulz schumacher schwartz schwarz
    scott sengupta serrano sethi shah shaikh shannon sharma sharp shaw shea shelton shepherd sheridan sherman shields
    shimizu short silva simmons simon simpson sims sinclair singh singleton skinner slater sloan small smirnov smith
    snow snyder soares sokolov solis solomon song sorensen soto sousa souza sparks spencer stafford stanley stanton
    stein steiner stephens stephenson stevens stevenson stewart stokes stone strickland strong stuart suarez
    subramanian sullivan summers sun sutherland sutton suzuki svensson swanson sweeney swift sykes szabo takahashi tan
    tanaka tang tate taylor teixeira terrell thakur thomas thompson thomsen thomson thornton tran trevino trujillo
    tucker turner tyler underwood upton valdez valencia valentine vance vargas vasquez vaughan vaughn vazquez vega
    velasquez velez venkatesan vera verma vidal villa villanueva vincent vogel volkov vu wade wagner walker wall
    wallace waller walsh walter walters walton wang ward warner warren washington watanabe waters watkins watson watts
    weaver webb weber webster weeks wei weiss welch wells werner west wheeler whitaker white whitehead whitney wiggins
    wilcox wilkins wilkinson williams williamson willis wilson winter winters wise wolf wolfe wolff wong wood woodard
    woods woodward wright wu wyatt yadav yamada yamamoto yamashita yang yates ye yilmaz yoder yoon york yoshida young
    yu yusuf zamora zapata zhang zhao zheng zhou zhu ziegler zimmerman zimmermann zulu zuniga
 """
)
"""Surnames, taken as such behind a first name, in whichever case."""

PARTICLES: Final = words_of("van von de der den del della di da dos das du la le el al bin ibn abu st mac mc ten ter o")
"""What may stand between a first name and the rest of a surname."""

BRANDS: Final = frozenset(
    phrases_of(
        "john deere, mary kay, calvin klein, ralph lauren, tommy hilfiger, michael kors, kate spade, jimmy choo, jack "
        "daniels, harley davidson, morgan stanley, wells fargo, charles schwab, edward jones, jp morgan, trader joe, "
        "papa john, jimmy john, dr pepper, victoria secret, estee lauder, arthur andersen, ernst young, goldman sachs, "
        "warner bros, hewlett packard, johnson johnson, ben jerry, peter pan, santa claus, mercedes, mercedes benz, "
        "ford, lincoln, suzuki, ferrari, honda, dell, hilton, marriott, disney, tiffany, levi, macy, denny, arby, "
        "bentley, alexa, siri, wendy, ann taylor, elizabeth arden, martha stewart living, george foreman"
    )
)
"""Companies and their goods that are called like persons."""

PLACES: Final = words_of(
    "austin carolina charlotte chelsea devon florence georgia guadalupe jordan kent logan madison mercedes morgan "
    "nelson santiago sidney virginia aurora adelaide chad israel lincoln jackson washington houston"
)
"""Names that are places too: no persons behind "in", "to" and the like."""

NO_SURNAMES_IN_SMALL: Final = words_of(
    "do le page price short small strong rich song sun moon park parks rush cross swift sharp wise noble long case "
    "bond hope power powers waters winter summers short west north banks save"
)
"""Surnames that are more often words, in a text without capital letters."""
