/** What made-up values are chosen from. None of it is about anybody. */
const lists = {
  firstNames: `Ada Adam Aisha Alice Amir Ana Andre Anna Anton Arthur Astrid Beatriz Ben Bianca Boris Bruno
    Camila Carla Carlos Chen Clara Daniel David Diana Diego Elena Eli Elif Emil Emma Erik Esther Eva
    Fatima Felix Fiona Frida Gabriel Giulia Hana Hannah Hassan Hugo Ida Igor Ines Iris Isaac Ivan Jack
    Jana Jin Joao Johan Jonas Julia Kai Karim Katja Kenji Lara Laura Lea Leo Liam Lin Lucas Lucia Luis
    Maja Marco Maria Mark Marta Maya Mei Mia Milan Mina Mira Nadia Nina Noah Nora Olga Oliver Omar Oscar
    Paul Pedro Petra Priya Rafael Rania Raj Rosa Ruben Ruth Samir Sara Simon Sofia Sven Tara Theo Tim
    Tomas Uma Vera Victor Wanda Wei Yara Yusuf Zara Zoe`,
  lastNames: `Abbott Adler Ahmed Almeida Andersen Baker Bauer Becker Bell Berg Bianchi Blanc Brandt Brown
    Bruno Castro Chan Chen Cohen Cole Costa Cruz Dahl Davis Diaz Dubois Duran Eriksen Evans Fischer Fontaine
    Ford Fuchs Garcia Gomez Grant Gray Gruber Haas Hall Hansen Hart Hayashi Hill Hoffmann Horvat Huang Ito
    Ivanov Jansen Jones Kaya Keller Khan Kim King Klein Kovac Kowalski Kumar Lang Larsen Lee Lehmann Lewis
    Li Lopez Lund Marino Martin Mayer Mendes Meyer Miller Mori Moreau Nguyen Nielsen Novak Okafor Olsen Ortiz
    Park Patel Perez Petrov Popov Quinn Ramos Reed Reyes Ricci Rossi Roy Ruiz Santos Sato Schmidt Schulz
    Silva Singh Smith Sousa Stone Suzuki Tanaka Torres Vargas Vogel Wagner Walker Wang Weber White Wolf Wood
    Yamada Yilmaz Young Zhang`,
  cities: `Ashford|Bellmore|Birchwood|Brightwater|Cedar Falls|Clearbrook|Crestview|Dunmore|Eastfield|Elmhurst|
    Fairhaven|Foxborough|Glenwood|Greenfield|Hartley|Hazelton|Highgate|Kingsford|Lakeside|Larkspur|Lindenau|
    Maplewood|Meadowbrook|Millbrook|Newhaven|Northbridge|Oakdale|Pinecrest|Port Alder|Ravenna|Redhill|
    Ridgeway|Riverton|Rosedale|Silverton|Southport|Springfield|Stonebridge|Summerfield|Thornbury|Valley Forge|
    Waterford|Westbrook|Whitby|Willowdale|Windmere|Woodstock`,
  regions: `Central Highlands|Coastal Plains|East Riding|Eastern Lowlands|Greater Lakes|High Moors|Inner Isles|
    Lower Valley|Middle March|North Shore|Northern Hills|Outer Isles|River Delta|South Downs|Southern Coast|
    Upper Valley|West Country|Western Ridge`,
  countries: `Argentina|Australia|Austria|Belgium|Brazil|Canada|Chile|Colombia|Croatia|Denmark|Egypt|Estonia|
    Finland|France|Germany|Ghana|Greece|India|Indonesia|Ireland|Italy|Japan|Kenya|Latvia|Malaysia|Mexico|
    Morocco|Nepal|Netherlands|New Zealand|Nigeria|Norway|Peru|Philippines|Poland|Portugal|Romania|Senegal|
    Singapore|Slovenia|South Africa|South Korea|Spain|Sweden|Switzerland|Thailand|Tunisia|Turkey|Uruguay|
    Vietnam`,
  countryCodes: `AR AT AU BE BR CA CH CL CO DE DK EE EG ES FI FR GH GR HR ID IE IN IT JP KE KR LV MA MX MY
    NG NL NO NP NZ PE PH PL PT RO SE SG SI SN TH TN TR UY VN ZA`,
  companies: `Alder & Sons|Amber Works|Atlas Trading|Beacon Labs|Birch Holdings|Blue Harbor|Bright Path|
    Cedar Systems|Clearwater Group|Copper Mill|Crown Logistics|Delta Supply|Evergreen Partners|Falcon Foods|
    First Meridian|Forge Industries|Golden Gate Tools|Granite Works|Green Valley|Harbor Lights|Hillside Media|
    Iron Bridge|Juniper Labs|Keystone Services|Lakeview Energy|Linden Press|Maple Leaf Design|Midtown Motors|
    Northern Star|Oak & Stone|Orchard Health|Pioneer Paper|Quarry Lane|Red Fox Media|River Bend|Rosewood|
    Silver Line|Stonegate|Summit Partners|Sunrise Bakery|Thornfield|Union Textiles|Valley Bank|Westwind|
    White Oak|Wildflower|Willow Creek|Windmill Software`,
  streets: `Abbey Road|Alder Way|Birch Street|Bridge Street|Cedar Lane|Chapel Street|Cherry Lane|Church Road|
    Elm Street|Forest Avenue|Garden Street|Grove Road|Harbor Street|Hazel Court|High Street|Hill Road|
    Juniper Way|Lake Avenue|Linden Street|Main Street|Maple Avenue|Market Street|Meadow Lane|Mill Road|
    North Street|Oak Avenue|Orchard Road|Park Avenue|Pine Street|River Road|School Lane|South Street|
    Spring Street|Station Road|Sunset Drive|Valley Road|Victoria Street|Walnut Street|West Street|Willow Way`,
  words: `amber anchor autumn basin beacon birch border bridge bright candle canyon cedar circle cloud copper
    coral corner cotton crystal dawn delta distant dune early echo ember evening falcon feather field fjord
    forest garden gentle glacier golden granite gravel harbor hidden hollow island ivory juniper lantern
    linden little maple marble meadow mellow mirror morning mountain narrow ocean orchard paper pebble
    plain planet quiet rain raven river sable sand shadow silver slate slow spring stone summer thistle
    timber valley velvet violet walnut water willow winter wooden yellow`,
} as const;

/** The lists by name. */
export const fakeData: Readonly<Record<keyof typeof lists, readonly string[]>> = Object.fromEntries(
  Object.entries(lists).map(([name, text]) => [
    name,
    text
      .split(text.includes('|') ? '|' : /\s+/)
      .map((entry) => entry.trim())
      .filter((entry) => entry !== ''),
  ]),
) as unknown as Record<keyof typeof lists, readonly string[]>;
