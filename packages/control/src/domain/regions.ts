import type { Region } from '@pgfleet/contract';

/** Names and positions of regions whose ids the contract's clients know. */
const known: Readonly<Record<string, readonly [name: string, lat: string, long: string]>> = {
  'aws-us-east-1': ['AWS US East 1 (N. Virginia)', '38.13', '-78.45'],
  'aws-us-east-2': ['AWS US East 2 (Ohio)', '40.36', '-82.91'],
  'aws-us-west-2': ['AWS US West 2 (Oregon)', '46.15', '-123.88'],
  'aws-eu-central-1': ['AWS Europe Central 1 (Frankfurt)', '50.11', '8.68'],
  'aws-eu-west-2': ['AWS Europe West 2 (London)', '51.51', '-0.13'],
  'aws-ap-southeast-1': ['AWS Asia Pacific 1 (Singapore)', '1.35', '103.82'],
  'aws-ap-southeast-2': ['AWS Asia Pacific 2 (Sydney)', '-33.87', '151.21'],
  'azure-eastus2': ['Azure East US 2 (Virginia)', '36.67', '-78.39'],
};

/** A region as the API shows it; one that nobody knows is named by its id and lies nowhere. */
export function regionInfo(regionId: string, isDefault: boolean): Region {
  const [name, lat, long] = known[regionId] ?? [regionId, '', ''];
  return { region_id: regionId, name, default: isDefault, geo_lat: lat, geo_long: long };
}
